import FalconAutograd
import FalconTensor

/// Dropout in training: how much falls, and the random numbers that decide what. A pass without dropout (evaluation,
/// glancing's first pass) is given none.
package struct Dropout: Sendable, Codable, Hashable {
    package var rate: Float
    package var random: RandomSource

    package init(rate: Float, random: RandomSource) {
        self.rate = rate
        self.random = random
    }

    package mutating func forward(_ input: Variable, tape: inout Tape) -> Variable {
        tape.dropout(input, rate: rate, random: &random)
    }
}
