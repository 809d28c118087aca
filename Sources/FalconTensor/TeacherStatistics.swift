import Foundation
internal import CFalconKernels

/// What a target says about the next token behind each row of its features, in few numbers: its most likely tokens
/// with their log-probabilities, and the logarithm of the softmax's denominator.
///
/// Stored beside features, they spare a training step the product of the target's features with the vocabulary.
package struct TeacherStatistics: Sendable, Equatable {
    /// N: tokens that are named for each row, 1 or more.
    package let entryCount: Int
    /// `[rows, entries]`: most likely first, the lower id first where two are equally likely. So the first of a row is
    /// the target's choice.
    package let tokens: [Int32]
    /// `[rows, entries]`: natural logarithms.
    package let logProbabilities: [Float]
    /// `[rows]`: a log-probability plus this is a logit.
    package let logNormalizers: [Float]

    /// Traps where the lengths do not fit each other.
    package init(entryCount: Int, tokens: [Int32], logProbabilities: [Float], logNormalizers: [Float]) {
        precondition(
            entryCount > 0 && tokens.count == logNormalizers.count * entryCount
                && logProbabilities.count == tokens.count,
            "\(tokens.count) tokens, \(logProbabilities.count) log-probabilities and \(logNormalizers.count) "
                + "normalizers at \(entryCount) entries")
        (self.entryCount, self.tokens) = (entryCount, tokens)
        (self.logProbabilities, self.logNormalizers) = (logProbabilities, logNormalizers)
    }

    /// The statistics of logits `[rows, vocabulary]`.
    ///
    /// - Parameter entryCount: 1 to the vocabulary.
    package init(logits: Tensor, entryCount: Int) {
        precondition(
            (1...logits.width).contains(entryCount), "\(entryCount) entries of a vocabulary of \(logits.width)")
        let loops = unsafe TrainingLoops.best
        var (tokens, logProbabilities, logNormalizers) = ([Int32](), [Float](), [Float]())
        for row in 0..<logits.rowCount {
            let values = unsafe logits.pointer + row * logits.width
            let best = unsafe LargestValues.find(entryCount, values, logits.width)
            let logSum = unsafe log(loops.sum_of_exponentials(values, logits.width, best[0].value, 1))
            tokens += best.map(\.column)
            logProbabilities += best.map { min(0, $0.value - best[0].value - logSum) }
            logNormalizers.append(best[0].value + logSum)
        }
        self.init(
            entryCount: entryCount, tokens: tokens, logProbabilities: logProbabilities, logNormalizers: logNormalizers)
    }

    package var rowCount: Int { logNormalizers.count }

    /// The target's most likely next token of a row.
    package func choice(_ row: Int) -> Int32 { tokens[row * entryCount] }

    /// The same for all rows.
    package var choices: [Int32] { (0..<rowCount).map(choice) }

    /// The probability of all tokens that a row names, 0 to 1.
    package func mass(_ row: Int) -> Double {
        min(1, entries(row).reduce(0) { $0 + exp(Double(logProbabilities[$1])) })
    }

    /// Where a row's tokens and log-probabilities stand.
    package func entries(_ row: Int) -> Range<Int> { row * entryCount..<(row + 1) * entryCount }

    /// The first rows, all of them where there are fewer.
    package func prefix(_ count: Int) -> TeacherStatistics {
        count >= rowCount
            ? self
            : TeacherStatistics(
                entryCount: entryCount, tokens: Array(tokens.prefix(count * entryCount)),
                logProbabilities: Array(logProbabilities.prefix(count * entryCount)),
                logNormalizers: Array(logNormalizers.prefix(count)))
    }

    /// Rows of several, one below the other; all must name as many tokens.
    package static func gather(_ rows: [(statistics: TeacherStatistics, row: Int)]) -> TeacherStatistics {
        let entryCount = rows.first?.statistics.entryCount ?? 1
        precondition(rows.allSatisfy { $0.statistics.entryCount == entryCount }, "rows with unlike numbers of entries")
        return TeacherStatistics(
            entryCount: entryCount, tokens: rows.flatMap { $0.statistics.tokens[$0.statistics.entries($0.row)] },
            logProbabilities: rows.flatMap { $0.statistics.logProbabilities[$0.statistics.entries($0.row)] },
            logNormalizers: rows.map { $0.statistics.logNormalizers[$0.row] })
    }

    /// What cannot be of a softmax; `nil` where all is well.
    package func problem(vocabulary: Int? = nil) -> String? {
        for row in 0..<rowCount {
            let range = entries(row)
            guard tokens[range].allSatisfy({ $0 >= 0 && Int($0) < vocabulary ?? .max }) else {
                return "row \(row) of its teacher statistics names a token that is not of the vocabulary"
            }
            let values = logProbabilities[range]
            guard logNormalizers[row].isFinite, values.allSatisfy({ $0.isFinite && $0 <= 0 }),
                zip(values, values.dropFirst()).allSatisfy({ $0 >= $1 }),
                values.reduce(0, { $0 + exp(Double($1)) }) <= 1.001
            else { return "row \(row) of its teacher statistics is no part of a distribution" }
        }
        return nil
    }
}
