import FalconDecoding
import FalconTensor

/// A draft tree as text.
package enum TreeDrawing {
    /// What a tree costs and how it is shaped, then the tree itself: one node a line, indented by its depth.
    package static func lines(_ tree: TokenTree) -> [String] {
        let nodesByPass = (0..<tree.passCount).map { pass in tree.nodes.count { $0.pass == pass } }
        var lines = FactTable.lines([
            ("tree", tree.name), ("block size", "\(tree.blockSize)"), ("nodes", "\(tree.nodes.count)"),
            ("depth", "\(tree.depth)"), ("leaves", "\(tree.rootToLeafPaths.count)"),
            ("target rows", "\(tree.nodes.count + 1) in one pass: the nodes and the root"),
            ("draft passes", "\(tree.passCount), \(counted(tree.draftRowCount, "row")) in all"),
            ("nodes by pass", nodesByPass.map(String.init).joined(separator: ", ")),
            ("nodes by depth", nodesByDepth(tree).map(String.init).joined(separator: ", ")),
        ])
        lines.append("")
        lines.append("root (chosen by the target)")
        var children: [Int: [Int]] = [:]
        for (index, node) in tree.nodes.enumerated() { children[node.parent, default: []].append(index) }
        // The last node of a list is drawn first: a stack, since a chain may be 64 deep.
        var open = (children[-1] ?? []).reversed().map { (index: $0, prefix: "", isLast: $0 == children[-1]?.last) }
        while let (index, prefix, isLast) = open.popLast() {
            let node = tree.nodes[index]
            lines.append(
                prefix + (isLast ? "└─ " : "├─ ") + "rank \(node.rank)  "
                    + "(pass \(node.pass), block \(node.block), offset \(node.offset))")
            let below = children[index] ?? []
            for child in below.reversed() {
                open.append((child, prefix + (isLast ? "   " : "│  "), child == below.last))
            }
        }
        return lines
    }

    private static func nodesByDepth(_ tree: TokenTree) -> [Int] {
        (1...max(1, tree.depth)).map { depth in tree.nodes.count { $0.depth == depth } }
    }
}
