import FalconShards
import FalconTensor

/// Dialogues as rows of tokens for pretraining, each from its own start, in batches of similar length.
///
/// A row holds one dialogue, so that none sees another's text, and positions count from 0 as they do when the model is
/// used. Batches are cut by tokens, padding counted.
struct TokenRows {
    /// One dialogue.
    struct Row {
        let id: String
        let tokens: [Int32]
        /// For each token, whether predicting it counts in the loss. The first token is predicted by none.
        let counts: [Bool]
    }

    /// A padded batch: `tokens[row]` all of one length.
    struct Batch {
        let ids: [String]
        let tokens: [[Int32]]
        let lengths: [Int]
        /// The positions of `[rows * time]` whose next token counts.
        let positions: [Int]
        /// The next token at each of these.
        let labels: [Int32]
    }

    let rows: [Row]

    /// - Parameters:
    ///   - rows: longer ones are cut; those with nothing to learn from are left out.
    ///   - rowLength: tokens of a row at most.
    init(_ rows: [Row], rowLength: Int) {
        self.rows = rows.compactMap { row in
            let length = min(row.tokens.count, rowLength)
            guard row.counts.prefix(length).dropFirst().contains(true) else { return nil }
            return Row(id: row.id, tokens: Array(row.tokens.prefix(length)), counts: Array(row.counts.prefix(length)))
        }
    }

    var tokenCount: Int { rows.reduce(0) { $0 + $1.tokens.count } }

    func sampler(tokensPerBatch: Int, seed: UInt64) -> LengthBucketSampler {
        LengthBucketSampler(lengths: rows.map(\.tokens.count), limit: .paddedTokens(tokensPerBatch), seed: seed)
    }

    /// Pads the given rows to the longest of them.
    func batch(_ indices: [Int]) -> Batch {
        let chosen = indices.map { rows[$0] }
        let time = chosen.map(\.tokens.count).max() ?? 0
        var (positions, labels): ([Int], [Int32]) = ([], [])
        for (number, row) in chosen.enumerated() {
            for position in 0..<row.tokens.count - 1 where row.counts[position + 1] {
                positions.append(number * time + position)
                labels.append(row.tokens[position + 1])
            }
        }
        return Batch(
            ids: chosen.map(\.id),
            tokens: chosen.map { $0.tokens + [Int32](repeating: 0, count: time - $0.tokens.count) },
            lengths: chosen.map(\.tokens.count), positions: positions, labels: labels)
    }
}
