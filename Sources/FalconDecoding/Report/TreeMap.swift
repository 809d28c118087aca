import FalconPictures

/// Draws a tree with each node as dark as it was often accepted.
enum TreeMap {
    /// - Returns: the root at the top, a row for each depth, siblings in the order of their ranks. A node's fill is the
    ///   share of all passes that accepted it; its outline alone is left where none did.
    static func picture(_ nodes: NodeStatistics, passes: Int) -> Picture {
        let tree = nodes.tree
        let children = tree.children
        // Leaves stand side by side, a parent above the middle of its children.
        var place = [Double](repeating: 0, count: tree.nodes.count + 1)
        var leaves = 0.0
        func arrange(_ slot: Int) {
            guard let first = children[slot].first, let last = children[slot].last else {
                place[slot] = leaves
                leaves += 1
                return
            }
            for child in children[slot] { arrange(child + 1) }
            place[slot] = (place[first + 1] + place[last + 1]) / 2
        }
        arrange(0)

        let (margin, row) = (26.0, 58.0)
        var picture = Picture(
            title: "How often each node of \(tree.name) was accepted", width: 960,
            height: 2 * margin + row * Double(max(tree.depth, 1)) + 18)
        let step = (picture.width - 2 * margin - 40) / max(leaves, 1)
        let radius = min(11, max(3, step * 0.42))
        func x(_ slot: Int) -> Double { margin + 40 + (place[slot] + 0.5) * step }
        func y(_ depth: Int) -> Double { margin + row * Double(depth) }
        for (index, node) in tree.nodes.enumerated() {
            picture.line(from: (x(node.parent + 1), y(node.depth - 1)), to: (x(index + 1), y(node.depth)), width: 1.5)
        }
        picture.circle(x: x(0), y: y(0), radius: radius, .faint, tip: "the newest token: \(passes) passes")
        for depth in 1...max(tree.depth, 1) {
            picture.words("\(depth)", x: margin - 10, y: y(depth) + 4, .faint, anchor: .middle)
        }
        for (index, node) in tree.nodes.enumerated() {
            let (accepted, visited) = (nodes.accepted[index], nodes.visited[index])
            let share = passes == 0 ? 0 : Double(accepted) / Double(passes)
            picture.circle(x: x(index + 1), y: y(node.depth), radius: radius, .ground)
            picture.circle(
                x: x(index + 1), y: y(node.depth), radius: radius, .accent,
                // The eye tells small shares apart when they are stretched.
                opacity: share == 0 ? 0 : 0.06 + 0.93 * share.squareRoot(), outlined: true,
                tip: "[\(node.path.map(String.init).joined(separator: ","))] accepted \(accepted) of \(visited) times")
            guard radius >= 9 else { continue }
            picture.words(
                percent(share), x: x(index + 1), y: y(node.depth) + radius + 11, .faint, anchor: .middle, size: 9)
        }
        picture.words(
            "Rows are depths, siblings stand by rank. Fill: share of the \(passes) passes that accepted the node.",
            x: margin, y: picture.height - 10, .faint)
        return picture
    }

    private static func percent(_ share: Double) -> String {
        share > 0 && share < 0.01 ? "<1 %" : Markup.number(100 * share, digits: 0) + " %"
    }
}
