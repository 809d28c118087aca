import FalconTensor

/// The rankings of one draft pass: which rows are ranked, below which nodes, and how many of the best candidates each
/// ranking gives.
///
/// The paper's head draws the offsets of a block independently of each other: all children at one offset of one block
/// share the ranking of that row, whatever their parents are. A head with a correction (`BlockCorrection`) ranks a row
/// again below each parent, for its token. Then an offset's rankings can be made only once the offset before it has
/// its tokens: one step for each offset. The first row of a block has one node before it at any rate.
struct PassRankings: Equatable, Sendable {
    struct Ranking: Equatable, Sendable {
        /// Of the pass, `block * k + offset`.
        let row: Int
        /// The one node whose children it ranks; `nil` where it does not depend on the node.
        let parent: Int?
        /// How many of its best candidates are taken.
        var count: Int
    }

    private(set) var all: [Ranking] = []
    /// Those that can be made together, in this order.
    private(set) var steps: [Range<Int>] = []

    /// A node of the pass.
    typealias Node = (row: Int, parent: Int, rank: Int)

    /// - Parameters:
    ///   - nodes: of the pass, by offset.
    ///   - byParent: whether rows behind the first of a block are ranked below each parent by itself.
    ///   - rows: rows that are ranked whether anything is taken from them or not; with `byParent` only those at the
    ///     beginnings of blocks.
    init(_ nodes: some Sequence<Node>, blockSize: Int, byParent: Bool, rows: Int = 0) {
        var counts: [Int: Int] = [:]
        for row in 0..<rows { counts[row] = 0 }
        for node in nodes { counts[node.row] = max(counts[node.row] ?? 0, node.rank + 1) }
        guard byParent else {
            all = counts.sorted { $0.key < $1.key }.map { Ranking(row: $0.key, parent: nil, count: $0.value) }
            steps = [all.indices]
            return
        }
        for offset in 0..<blockSize {
            let start = all.count
            if offset == 0 {
                all = counts.filter { $0.key % blockSize == 0 }.sorted { $0.key < $1.key }
                    .map { Ranking(row: $0.key, parent: nil, count: $0.value) }
            }
            for node in nodes where offset > 0 && node.row % blockSize == offset {
                if let known = all[start...].firstIndex(where: { $0.row == node.row && $0.parent == node.parent }) {
                    all[known].count = max(all[known].count, node.rank + 1)
                } else {
                    all.append(Ranking(row: node.row, parent: node.parent, count: node.rank + 1))
                }
            }
            // Rankings of one row stand together: it is ranked once and moved for each parent.
            all[start...].sort { ($0.row, $0.parent ?? -1) < ($1.row, $1.parent ?? -1) }
            steps.append(start..<all.count)
        }
    }

    /// The ranking that predicts a node's children; `nil` where nobody asked for it.
    func index(row: Int, below node: Int) -> Int? {
        all.firstIndex { $0.row == row && ($0.parent == nil || $0.parent == node) }
    }

    /// The rows that are ranked at all, ascending.
    var rows: [Int] { Set(all.map(\.row)).sorted() }

    /// The same for nodes that are numbered otherwise.
    func renumbered(_ number: (Int) -> Int) -> PassRankings {
        var result = self
        result.all = all.map { Ranking(row: $0.row, parent: $0.parent.map(number), count: $0.count) }
        return result
    }
}

/// What a draft pass ranked.
struct RankedPass: Sendable {
    let rankings: PassRankings
    /// Of greedy candidates: logits `[rankings, columns]`.
    var logits: Tensor?
    /// Of drawn ones the distributions, one for each ranking.
    var proposals: [TokenDistribution] = []
    /// What the head thought of its candidates, `[row][rank]`, where the tree was grown by that: of rows before any
    /// correction, for a tree's shape must not depend on tokens that are drawn for it.
    var probabilities: [[Double]] = []
}

extension PassRankings {
    /// Greedy candidates for rankings.
    ///
    /// - Parameters:
    ///   - best: the largest logits of each, at least as many as are wanted where there are as many.
    ///   - counts: how many of each are wanted.
    static func candidates(
        _ best: ArraySlice<[(column: Int32, value: Float)]>, _ counts: [Int], _ vocabulary: VocabularySubset?
    ) -> [[Int32]] {
        zip(best, counts).map { best, count in
            var tokens = best.prefix(count).map { vocabulary.token($0.column) }
            // A vocabulary with fewer tokens than the tree has ranks: the last one stands for those that are not there.
            if let last = tokens.last { tokens += [Int32](repeating: last, count: count - tokens.count) }
            return tokens
        }
    }
}
