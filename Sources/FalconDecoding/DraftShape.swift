/// What is drafted in each round.
package enum DraftShape {
    /// The same tree.
    case fixed(TokenTree)
    /// The tree that a planner chose for this machine and this head, or none where drafting does not pay.
    case planned(TreePlanner)

    /// What `--tree` takes: `auto`, `dynamic`, `dynamic:N`, or what `TokenTree.select` knows.
    ///
    /// - Parameter draftsAnyway: whether a planner drafts where plain decoding is faster, too.
    /// - Throws: `TokenTreeError`.
    package static func select(
        _ option: String, blockSize: Int, draftsAnyway: Bool = false
    ) throws -> DraftShape {
        func planned(_ kind: TreePlanner.Kind) -> DraftShape {
            .planned(TreePlanner(blockSize: blockSize, kind: kind, draftsAnyway: draftsAnyway))
        }
        if option == "auto" { return planned(.auto) }
        if option == "dynamic" { return planned(.dynamic(nodes: nil)) }
        if option.hasPrefix("dynamic:") {
            guard let nodes = Int(option.dropFirst("dynamic:".count)), (1..<TreePlanner.rowLimit).contains(nodes) else {
                throw TokenTreeError.dynamicSize(option)
            }
            return planned(.dynamic(nodes: nodes))
        }
        return .fixed(try TokenTree.select(option, blockSize: blockSize))
    }

    /// Whether a planner stands behind what `--tree` was given.
    package static func isPlanned(_ option: String) -> Bool {
        option == "auto" || option == "dynamic" || option.hasPrefix("dynamic:")
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
