import FalconModels
import FalconTensor

/// Keys and values of texts' beginnings, by pages of 64 tokens, so that a text that begins as another did goes on
/// behind it: a system prompt, examples, the earlier turns of a dialogue.
///
/// A page belongs to all tokens up to its last, which are compared themselves. So its bits are those that the text's
/// own pass would give. Where pages take more than the limit, the least recently used beginnings are dropped, the last
/// page of each first.
///
/// Most texts of a run begin like no other: of a beginning that nobody is known to continue only a hash is kept at
/// first, and keys and values when it is met again. What a dialogue's turn leaves is for its next turn alone, unless
/// another text begins the same, and is dropped with the dialogue: so memory does not grow with dialogues that ended.
final class SharedBeginnings {
    /// What 64 tokens leave.
    struct Page {
        let cache: CachePage
        /// Of the target, `[64, hidden]`, where somebody wants them.
        let features: Tensor?

        var byteCount: Int { cache.byteCount + (features?.count ?? 0) * 4 }
    }

    private final class Node {
        let tokens: [Int32]
        /// `nil` for the root.
        let page: Page?
        unowned let parent: Node?
        var children: [[Int32]: Node] = [:]
        var lastUse = 0
        /// The series whose text left it first.
        let series: Int?
        /// Whether texts of others begin like this, too.
        var isShared: Bool
        var isDropped = false

        init(_ tokens: [Int32], _ page: Page?, _ series: Int?, isShared: Bool, below parent: Node?) {
            (self.tokens, self.page, self.series) = (tokens, page, series)
            (self.isShared, self.parent) = (isShared, parent)
        }

        /// Tokens are held twice, by a node and as its parent's key; what else a node takes is about as much.
        var byteCount: Int { 4 * 4 * tokens.count + (page?.byteCount ?? 0) }
    }

    /// Beginnings that were met, by a hash of their tokens, and the series that met them first; the last few thousand.
    /// Where two share a hash, a page is kept too early, which changes no bit.
    private struct Met {
        private var series: [UInt64: Int?] = [:]
        private var order: [UInt64] = []
        private var next = 0
        private static let limit = 4096

        init() { series.reserveCapacity(Met.limit) }

        /// Takes note of a beginning; tells whether another than this series met it before.
        mutating func add(_ hash: UInt64, _ series: Int?) -> Bool {
            if let first = self.series[hash] { return series == nil || first != series }
            self.series[hash] = .some(series)
            if order.count < Met.limit {
                order.append(hash)
            } else {
                self.series[order[next]] = nil
                order[next] = hash
                next = (next + 1) % Met.limit
            }
            return false
        }
    }

    /// The most bytes that pages may take.
    let byteLimit: Int
    private(set) var byteCount = 0
    private(set) var pageCount = 0
    private let root = Node([], nil, nil, isShared: true, below: nil)
    private var clock = 0
    private var met = Met()
    /// By series, the pages that its next text alone needs.
    private var held: [Int: [Node]] = [:]

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    /// The pages that continue `tokens[..<start]`, which are whole pages, as far as they are known.
    ///
    /// - Parameter end: pages that reach beyond it are of no use.
    func pages(of tokens: [Int32], from start: Int, to end: Int, withFeatures: Bool) -> [Page] {
        clock += 1
        var (node, position) = (root, 0)
        var found: [Page] = []
        while position + CachePage.positions <= end {
            let next = position + CachePage.positions
            guard let child = node.children[Array(tokens[position..<next])], let page = child.page else { break }
            if position >= start {
                if withFeatures && page.features == nil { break }
                found.append(page)
            }
            child.lastUse = clock
            (node, position) = (child, next)
        }
        return found
    }

    /// Keeps the whole pages of a text that are not kept yet.
    ///
    /// - Parameters:
    ///   - series: names texts of which each goes on behind the one before. What is kept for it alone is what its
    ///     newest text left.
    ///   - isContinued: whether a text will follow that begins with all of this one, of the series if there is one;
    ///     else what is new is kept when it is met again.
    func add(_ tokens: [Int32], series: Int? = nil, isContinued: Bool = true, page: (_ index: Int) -> Page) {
        clock += 1
        // `nil` behind the first page that is not kept.
        var node: Node? = root
        var own: [Node] = []
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<tokens.count / CachePage.positions {
            let part = Array(tokens[index * CachePage.positions..<(index + 1) * CachePage.positions])
            for token in part { hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 0x0000_0100_0000_01b3 }
            let isMetByOthers = met.add(hash, series)
            guard let parent = node else { continue }
            node = parent.children[part]
            if let known = node {
                if series == nil || known.series != series { known.isShared = true }
            } else if isMetByOthers || isContinued {
                let new = Node(part, page(index), series, isShared: isMetByOthers, below: parent)
                parent.children[part] = new
                byteCount += new.byteCount
                pageCount += 1
                node = new
            }
            node?.lastUse = clock
            if let node, !node.isShared, isContinued { own.append(node) }
        }
        if let series { hold(own, for: series) }
        if byteCount > byteLimit { drop(to: byteLimit / 4 * 3) }
    }

    /// Drops what is kept for the next text of a series alone: there will be none.
    func end(series: Int) { hold([], for: series) }

    private func hold(_ nodes: [Node], for series: Int) {
        let wanted = Set(nodes.map(ObjectIdentifier.init))
        // The last page first: what nothing follows.
        for node in (held[series] ?? []).reversed()
        where !node.isShared && !node.isDropped && node.children.isEmpty && !wanted.contains(ObjectIdentifier(node)) {
            drop(node)
        }
        held[series] = nodes.isEmpty ? nil : nodes
    }

    private func drop(_ node: Node) {
        node.isDropped = true
        node.parent?.children[node.tokens] = nil
        byteCount -= node.byteCount
        pageCount -= 1
    }

    /// Drops all pages.
    func removeAll() {
        (held, met) = ([:], Met())
        drop(to: 0)
    }

    /// Drops pages that nothing follows, the least recently used first, until the others take so many bytes at most.
    private func drop(to limit: Int) {
        while byteCount > limit, pageCount > 0 {
            var (leaves, open): ([Node], [Node]) = ([], [root])
            while let node = open.popLast() {
                open += node.children.values
                if node.children.isEmpty && node !== root { leaves.append(node) }
            }
            for leaf in leaves.sorted(by: { $0.lastUse < $1.lastUse }) {
                guard byteCount > limit else { break }
                drop(leaf)
            }
        }
    }
}
