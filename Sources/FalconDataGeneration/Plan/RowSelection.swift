import FalconShards
import FalconTensor

/// Which rows of the input are made, and how long each shard may become.
///
/// Rows are drawn evenly from the whole input, not taken from its start, because data sets are often sorted; the order
/// of drawing is fixed, so every process draws the same and a larger budget keeps the rows of a smaller one. Drawing
/// goes by what a probe says a token takes; that no shard becomes longer than its share of the budget is seen to when
/// it is written, by bounds that hold for any content.
struct RowSelection {
    /// Numbers of rows of the input, in its order.
    let rows: [Int]
    /// Rows that do not fit.
    let leftOutCount: Int
    /// The most bytes that each shard may have; `nil` without a budget.
    let shardLimits: [Int]?

    /// Everything.
    init(count: Int) {
        (rows, leftOutCount, shardLimits) = (Array(0..<count), 0, nil)
    }

    /// What fits.
    ///
    /// - Parameters:
    ///   - budget: bytes of all files of the folder.
    ///   - bytesPerToken: what a probe found.
    ///   - rowsPerShard: conversations in a shard.
    /// - Throws: `Rejection` where nothing fits.
    init(
        _ survey: ConversationSurvey, budget: Int, bytesPerToken: Double, rowsPerShard: Int
    ) throws(Rejection) {
        // The probe is a sample: the rest may be a little harder to compress.
        let margin = 1.02
        var random = RandomSource(seed: 0).stream("budget")
        var left = Double(budget - RowSelection.folderBytes)
        var chosen: [Int] = []
        for row in survey.rows.indices.shuffled(using: &random) {
            let overhead = chosen.count % rowsPerShard == 0 ? RowSelection.shardBytes : 0
            let needed =
                Double(survey.rows[row].tokens) * bytesPerToken * margin + Double(overhead + RowSelection.idBytes)
            guard needed <= left else { break }
            left -= needed
            chosen.append(row)
        }
        let rows = chosen.sorted()
        self.rows = rows
        leftOutCount = survey.rows.count - rows.count
        let tokens = stride(from: 0, to: rows.count, by: rowsPerShard).map { start in
            rows[start..<min(start + rowsPerShard, rows.count)].reduce(0) { $0 + survey.rows[$1].tokens }
        }
        let all = tokens.reduce(0, +)
        guard all > 0 else { throw .skipped("no conversation fits it") }
        // Each shard gets what it needs whatever it holds, and of the rest its part by tokens.
        let shared = budget - RowSelection.folderBytes - tokens.count * RowSelection.shardBytes
        shardLimits = tokens.map { count in
            RowSelection.shardBytes - RowSelection.factsBytes + Int(Double(shared) * (Double(count) / Double(all)))
        }
    }

    /// `manifest.json` without its shards, and locks.
    private static let folderBytes = 4096
    /// A shard's facts, beside it and in the manifest, reasons included.
    private static let factsBytes = 3072
    /// What a shard takes besides its tokens: metadata, chunks that are not full.
    private static let shardBytes = factsBytes + (24 << 10)
    /// A row's name and offset.
    private static let idBytes = 96
}
