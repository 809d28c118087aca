/// Why a draft tree was refused, in one line that names the tree, the path, and the fix.
package enum TokenTreeError: Error, Equatable, CustomStringConvertible {
    case empty(tree: String)
    case emptyPath(tree: String)
    case blockSize(tree: String, Int)
    case rank(tree: String, path: [Int])
    case tooDeep(tree: String, path: [Int])
    case tooManyNodes(tree: String, Int)
    case missingParent(tree: String, path: [Int])
    case missingRank(tree: String, path: [Int])
    case repeated(tree: String, path: [Int])
    case otherBlockSize(tree: String, treeSize: Int, draftSize: Int)
    case unknownName(String, known: [String])
    case chainLength(String)
    case dynamicSize(String)
    case file(path: String, problem: String)

    package var description: String {
        switch self {
        case .empty(let tree): "tree \(tree) has no node: list at least one path, such as [0]"
        case .emptyPath(let tree): "tree \(tree) lists an empty path []: the root is no node, remove it"
        case .blockSize(let tree, let size): "tree \(tree) has the block size \(size): it must be at least 1"
        case .rank(let tree, let path):
            "tree \(tree): path \(path) has a rank outside 0..\(TokenTree.rankLimit - 1)"
        case .tooDeep(let tree, let path):
            "tree \(tree) is too deep: a path has \(path.count) ranks, at most \(TokenTree.depthLimit) are allowed"
        case .tooManyNodes(let tree, let count):
            "tree \(tree) is too large: \(count) nodes, at most \(TokenTree.nodeLimit) are allowed"
        case .missingParent(let tree, let path):
            "tree \(tree): path \(path) has no parent: list \(Array(path.dropLast())) too"
        case .missingRank(let tree, let path):
            "tree \(tree): path \(path) leaves a gap in the ranks: list "
                + "\(path.dropLast() + [path[path.count - 1] - 1]) too"
        case .repeated(let tree, let path): "tree \(tree) lists \(path) twice: remove one"
        case .otherBlockSize(let tree, let own, let draft):
            "tree \(tree) is made for block size \(own), the draft head has \(draft): choose another tree"
        case .unknownName(let name, let known) where DraftShape.isPlanned(name):
            "tree \(name) comes about while falcon-infer decodes: choose \(known.joined(separator: ", ")), chain:D, or "
                + "a file ending in .toml"
        case .unknownName(let name, let known):
            "no tree is called \(name): choose auto, dynamic, \(known.joined(separator: ", ")), chain:D, or a file "
                + "ending in .toml"
        case .chainLength(let text):
            "\(text) is no chain: write chain:D with D from 1 to \(TokenTree.depthLimit), such as chain:4"
        case .dynamicSize(let text):
            "\(text) is no dynamic tree: write dynamic:N with N nodes from 1 to \(TreePlanner.rowLimit - 1), or dynamic"
        case .file(let path, let problem): "\(path): \(problem)"
        }
    }
}
