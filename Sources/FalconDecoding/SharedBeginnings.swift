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
/// first, and keys and values when it is met again.
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

        init(_ tokens: [Int32], _ page: Page?, below parent: Node?) {
            (self.tokens, self.page, self.parent) = (tokens, page, parent)
        }

        /// Tokens are held twice, as a node's and as its parent's key; what else a node takes is about as much.
        var byteCount: Int { 4 * 4 * tokens.count + (page?.byteCount ?? 0) }
    }

    /// The most bytes that pages may take.
    let byteLimit: Int
    private(set) var byteCount = 0
    private(set) var pageCount = 0
    private var nodeCount = 0
    private let root = Node([], nil, below: nil)
    private var clock = 0

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
    /// - Parameter isContinued: whether a text will follow that begins with all of this one; else what is new is kept
    ///   when it is met again.
    func add(_ tokens: [Int32], isContinued: Bool = true, page: (_ index: Int) -> Page) {
        clock += 1
        var node = root
        for index in 0..<tokens.count / CachePage.positions {
            let part = Array(tokens[index * CachePage.positions..<(index + 1) * CachePage.positions])
            let child: Node
            if let known = node.children[part] {
                child = known
                if known.page == nil { keep(page(index), at: known) }
            } else {
                child = Node(part, nil, below: node)
                node.children[part] = child
                byteCount += child.byteCount
                nodeCount += 1
                if isContinued { keep(page(index), at: child) }
            }
            child.lastUse = clock
            node = child
        }
        if byteCount > byteLimit { drop(to: byteLimit / 4 * 3) }
    }

    private func keep(_ page: Page, at node: Node) {
        node.page = page
        byteCount += page.byteCount
        pageCount += 1
    }

    /// Drops all pages.
    func removeAll() { drop(to: 0) }

    /// Drops pages that nothing follows, the least recently used first, until the others take so many bytes at most.
    private func drop(to limit: Int) {
        while byteCount > limit, nodeCount > 0 {
            var (leaves, open): ([Node], [Node]) = ([], [root])
            while let node = open.popLast() {
                open += node.children.values
                if node.children.isEmpty && node !== root { leaves.append(node) }
            }
            for leaf in leaves.sorted(by: { $0.lastUse < $1.lastUse }) {
                guard byteCount > limit, let parent = leaf.parent else { break }
                parent.children[leaf.tokens] = nil
                byteCount -= leaf.byteCount
                nodeCount -= 1
                if leaf.page != nil { pageCount -= 1 }
            }
        }
    }
}
