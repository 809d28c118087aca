import FalconAutograd
import FalconTensor

/// Dropout in training: how much falls, and the random numbers that decide what. A pass without dropout (evaluation,
/// glancing's first pass) is given none.
package struct Dropout: Sendable, Codable, Hashable {
    package var rate: Float
    package var random: RandomSource
    /// One for each sequence in place of the common one, so that what falls in a sequence does not depend on the
    /// others; `nil`: the common one.
    package var rows: [RandomSource]?

    package init(rate: Float, random: RandomSource, rows: [RandomSource]? = nil) {
        self.rate = rate
        self.random = random
        self.rows = rows
    }

    package mutating func forward(_ input: Variable, tape: inout Tape) -> Variable {
        guard var sources = rows else { return tape.dropout(input, rate: rate, random: &random) }
        defer { rows = sources }
        return tape.dropout(input, rate: rate, sources: &sources)
    }
}
