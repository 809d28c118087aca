import FalconModels
import FalconTensor

/// Keys and values of texts' beginnings, by pages of 64 tokens, so that a text that begins as another did goes on
/// behind it: a system prompt, examples, the earlier turns of a dialogue.
///
/// A page belongs to all tokens up to its last, which are compared themselves. So its bits are those that the text's
/// own pass would give. Where pages take more than the limit, the least recently used beginnings are dropped, the last
/// page of each first.
///
/// Most texts of a run begin like no other: of a beginning that nobody is known to continue only the tokens are kept at
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
        /// `nil` where only the tokens are known.
        var page: Page?
        unowned let parent: Node?
        var children: [[Int32]: Node] = [:]
        var lastUse = 0
        /// The series whose text left it first.
        let series: Int?
        /// Whether texts of others begin like this, too.
        var isShared = false

        init(_ tokens: [Int32], _ series: Int?, below parent: Node?) {
            (self.tokens, self.series, self.parent) = (tokens, series, parent)
        }

        var byteCount: Int { SharedBeginnings.tokenBytes + (page?.byteCount ?? 0) }
    }

    /// The most bytes that pages may take.
    let byteLimit: Int
    private(set) var byteCount = 0
    private(set) var pageCount = 0
    private var nodeCount = 0
    private let root = Node([], nil, below: nil)
    private var clock = 0
    /// By series, the pages that its next text alone needs.
    private var held: [Int: [Node]] = [:]
    /// The most pages of which only the tokens are kept.
    private let tokenPageLimit: Int

    /// A page's tokens are held twice, by a node and as its parent's key; what else a node takes is about as much.
    private static let tokenBytes = 4 * 4 * CachePage.positions

    init(byteLimit: Int) {
        self.byteLimit = byteLimit
        tokenPageLimit = max(64, byteLimit / 256 / SharedBeginnings.tokenBytes)
    }

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
        var node = root
        var own: [Node] = []
        for index in 0..<tokens.count / CachePage.positions {
            let part = Array(tokens[index * CachePage.positions..<(index + 1) * CachePage.positions])
            let child: Node
            if let known = node.children[part] {
                child = known
                if series == nil || known.series != series { known.isShared = true }
            } else {
                child = Node(part, series, below: node)
                node.children[part] = child
                byteCount += child.byteCount
                nodeCount += 1
            }
            if child.isShared || isContinued {
                if child.page == nil { keep(page(index), at: child) }
                if !child.isShared { own.append(child) }
            }
            child.lastUse = clock
            node = child
        }
        if let series { hold(own, for: series) }
        if byteCount > byteLimit { drop(to: byteLimit / 4 * 3) }
        if nodeCount - pageCount > tokenPageLimit {
            drop(where: { $0.page == nil }) { nodeCount - pageCount > tokenPageLimit / 4 * 3 }
        }
    }

    /// Drops what is kept for the next text of a series alone: there will be none.
    func end(series: Int) { hold([], for: series) }

    private func hold(_ nodes: [Node], for series: Int) {
        let wanted = Set(nodes.map(ObjectIdentifier.init))
        for node in held[series] ?? [] where !node.isShared && !wanted.contains(ObjectIdentifier(node)) {
            dropPage(of: node)
        }
        held[series] = nodes.isEmpty ? nil : nodes
    }

    private func keep(_ page: Page, at node: Node) {
        node.page = page
        byteCount += page.byteCount
        pageCount += 1
    }

    private func dropPage(of node: Node) {
        guard let page = node.page else { return }
        node.page = nil
        byteCount -= page.byteCount
        pageCount -= 1
    }

    /// Drops all pages.
    func removeAll() {
        held = [:]
        drop(to: 0)
    }

    /// Drops the least recently used pages until the others take so many bytes at most.
    private func drop(to limit: Int) { drop(where: { _ in true }) { byteCount > limit } }

    /// Drops pages that nothing follows, the least recently used first.
    private func drop(where isMeant: (Node) -> Bool, while isTooMuch: () -> Bool) {
        while isTooMuch() {
            var (leaves, open): ([Node], [Node]) = ([], [root])
            while let node = open.popLast() {
                open += node.children.values
                if node.children.isEmpty && node !== root && isMeant(node) { leaves.append(node) }
            }
            guard !leaves.isEmpty else { return }
            for leaf in leaves.sorted(by: { $0.lastUse < $1.lastUse }) {
                guard isTooMuch(), let parent = leaf.parent else { break }
                dropPage(of: leaf)
                parent.children[leaf.tokens] = nil
                byteCount -= leaf.byteCount
                nodeCount -= 1
            }
        }
    }
}
