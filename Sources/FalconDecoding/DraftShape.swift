/// What is drafted in each round.
package enum DraftShape {
    /// The same tree.
    case fixed(TokenTree)
    /// The tree that a planner chose for this machine and this head, or none where drafting does not pay.
    case planned(TreePlanner)

    /// What `--tree` takes: `auto`, `dynamic`, `dynamic:N`, or what `TokenTree.select` knows.
    ///
    /// - Throws: `TokenTreeError`.
    package static func select(_ option: String, blockSize: Int) throws -> DraftShape {
        if option == "auto" { return .planned(TreePlanner(blockSize: blockSize)) }
        if option == "dynamic" { return .planned(TreePlanner(blockSize: blockSize, kind: .dynamic(nodes: nil))) }
        if option.hasPrefix("dynamic:") {
            guard let nodes = Int(option.dropFirst("dynamic:".count)), (1..<TreePlanner.rowLimit).contains(nodes) else {
                throw TokenTreeError.dynamicSize(option)
            }
            return .planned(TreePlanner(blockSize: blockSize, kind: .dynamic(nodes: nodes)))
        }
        return .fixed(try TokenTree.select(option, blockSize: blockSize))
    }

    package var blockSize: Int {
        switch self {
        case .fixed(let tree): tree.blockSize
        case .planned(let planner): planner.blockSize
        }
    }

    /// The tree that never changes, where it is one.
    package var tree: TokenTree? {
        if case .fixed(let tree) = self { tree } else { nil }
    }

    package var planner: TreePlanner? {
        if case .planned(let planner) = self { planner } else { nil }
    }
}
