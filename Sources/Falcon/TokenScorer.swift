internal import FalconModels
internal import FalconTensor

/// What the model thinks of each token of a text: logarithms of probabilities, before temperature and the like.
///
/// It sees the text a second time, in a cache of its own. Since a row's bits do not depend on its pass, these are the
/// numbers that the tokens were chosen by. Of the model's thread.
final class TokenScorer {
    private let target: TargetModel
    /// How many of the likeliest tokens are told beside each.
    private let count: Int
    /// The most tokens of prompt and text.
    private let capacity: Int
    private lazy var cache = target.makeCache(capacity: capacity)
    /// Tokens that the model has not seen here.
    private var unseen: [Int32]

    /// Rows of a pass, so that long prompts take no more memory than those of the text itself.
    private static let passRows = 512

    /// - Parameter maximumTokens: of the text.
    init(_ target: TargetModel, prompt: [Int32], count: Int, maximumTokens: Int) {
        (self.target, self.count, unseen) = (target, count, prompt)
        capacity = prompt.count + min(maximumTokens, target.configuration.positionLimit - prompt.count)
    }

    /// The scores of the text's next tokens.
    func scores(of tokens: [Int32], on pool: ThreadPool) -> [TokenScore] {
        guard let last = tokens.last else { return [] }
        var rows = unseen + tokens.dropLast()
        while rows.count > max(tokens.count, TokenScorer.passRows) {
            let part = min(TokenScorer.passRows, rows.count - tokens.count)
            _ = target.forward(Array(rows.prefix(part)), cache: cache, on: pool)
            rows.removeFirst(part)
        }
        let features = target.forward(rows, cache: cache, on: pool)
        unseen = [last]
        let first = features.rowCount - tokens.count
        let logits = target.logits(first == 0 ? features : features.rows(first..<features.rowCount), on: pool)
        let likeliest = logits.largest(count, on: pool)
        return tokens.enumerated().map { row, token in
            let sum = logits.logOfExponentialSum(row: row)
            return TokenScore(
                logProbability: Double(logits.row(row)[Int(token)]) - sum,
                alternatives: likeliest[row].map {
                    TokenScore.Alternative(id: Int($0.column), logProbability: Double($0.value) - sum)
                })
        }
    }
}
