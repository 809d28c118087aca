/// Grows nodes from a text's own n-grams, the likeliest first, alone or beside those of a head.
struct LookupTree {
    /// A node that is there already or was added; numbers go through both.
    struct Node: Equatable {
        /// -1 below the newest token.
        let parent: Int
        let token: Int32
        let depth: Int
        /// The chance that it is accepted.
        fileprivate(set) var reach: Double
    }

    /// Nodes to hang others on, parents first: those of a head.
    private(set) var base: [Node]
    /// What was added, in the order of falling chances.
    private(set) var added: [Node] = []

    private let index: NGramIndex
    private let share: (NGramIndex.Candidate) -> Double
    private let deepest: Int
    private let floor: Double
    private var offers: [Node] = []
    private var paths: [[Int32]] = []

    /// - Parameters:
    ///   - index: of the text, the newest token included.
    ///   - base: what a head drafted.
    ///   - deepest: the depth of the deepest node that is of use.
    ///   - limit: the most nodes to add.
    ///   - floor: the least chance that is of use.
    ///   - bestOnly: whether to follow the best candidate alone.
    ///   - share: the chance of a candidate whose path is right.
    init(
        _ index: NGramIndex, base: [Node] = [], deepest: Int, limit: Int, floor: Double, bestOnly: Bool = false,
        share: @escaping (NGramIndex.Candidate) -> Double
    ) {
        (self.index, self.share, self.deepest, self.floor) = (index, share, deepest, floor)
        var base = base
        var children: [Int: [Int]] = [:]
        for (number, node) in base.enumerated() { children[node.parent, default: []].append(number) }
        self.base = []
        // Where both propose a token the surer of the two counts.
        offer(below: -1, path: [], depth: 0, reach: 1, bestOnly: bestOnly) { token, reach in
            guard let known = children[-1]?.first(where: { base[$0].token == token }) else { return false }
            base[known].reach = max(base[known].reach, reach)
            return true
        }
        for number in base.indices {
            let node = base[number]
            let path = (node.parent < 0 ? [] : paths[node.parent]) + [node.token]
            paths.append(path)
            offer(below: number, path: path, depth: node.depth, reach: node.reach, bestOnly: bestOnly) {
                token, reach in
                guard let known = children[number]?.first(where: { base[$0].token == token }) else { return false }
                base[known].reach = max(base[known].reach, reach)
                return true
            }
        }
        self.base = base
        while added.count < limit, let best = offers.indices.max(by: { offers[$0].reach < offers[$1].reach }) {
            let node = offers.remove(at: best)
            let path = (node.parent < 0 ? [] : paths[node.parent]) + [node.token]
            added.append(node)
            paths.append(path)
            offer(
                below: base.count + added.count - 1, path: path, depth: node.depth, reach: node.reach,
                bestOnly: bestOnly
            ) { _, _ in false }
        }
    }

    /// Offers what may follow a node.
    ///
    /// - Parameter isThere: whether a token is among its children already.
    private mutating func offer(
        below parent: Int, path: [Int32], depth: Int, reach: Double, bestOnly: Bool,
        isThere: (_ token: Int32, _ reach: Double) -> Bool
    ) {
        guard depth < deepest, reach > floor else { return }
        var left = 1.0
        for candidate in index.candidates(after: path).prefix(bestOnly ? 1 : NGramIndex.candidateLimit) {
            let chance = min(left, share(candidate))
            left -= chance
            guard !isThere(candidate.token, reach * chance), reach * chance > floor else { continue }
            offers.append(Node(parent: parent, token: candidate.token, depth: depth + 1, reach: reach * chance))
        }
    }

    /// The chance that one of the added nodes below the newest token is right.
    var chance: Double { added.reduce(0) { $0 + ($1.parent < 0 ? $1.reach : 0) } }

    mutating func removeAll() { added = [] }

    /// Leaves what brings more than it costs.
    ///
    /// - Parameter price: of so many rows in all, by the tokens that their time is worth.
    /// - Returns: what the added nodes bring, less what they cost.
    @discardableResult
    mutating func prune(price: (_ rows: Int) -> Double) -> Double {
        let before = price(1 + base.count)
        var (gain, best) = (0.0, (count: 0, value: 0.0))
        for (number, node) in added.enumerated() {
            gain += node.reach
            let value = gain - (price(2 + base.count + number) - before)
            if value > best.value { best = (number + 1, value) }
        }
        added.removeSubrange(best.count...)
        return best.value
    }
}
