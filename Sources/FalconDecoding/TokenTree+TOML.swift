import FalconTOML
import Foundation

/// Draft trees in files:
///
///     name = "two-and-two"          # optional; the file's name where absent
///     block_size = 2                # optional; when given, other draft heads are refused
///     paths = [[0], [1], [0, 0], [0, 1], [0, 0, 0]]
extension TokenTree {
    private static let keys = ["name", "block_size", "paths"]

    /// - Parameter blockSize: the draft head's k.
    /// - Throws: `TokenTreeError` where the file cannot be read, is no TOML, has unknown keys, or lists no tree.
    package init(tomlFile path: String, blockSize: Int) throws {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw TokenTreeError.file(path: path, problem: "cannot be read: check that the tree file is there")
        }
        let fileName = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        try self.init(toml: Array(bytes), path: path, defaultName: fileName, blockSize: blockSize)
    }

    /// The same for text that is there already; `path` is what errors call it.
    package init(toml text: String, path: String, defaultName: String, blockSize: Int) throws {
        try self.init(toml: Array(text.utf8), path: path, defaultName: defaultName, blockSize: blockSize)
    }

    private init(toml bytes: [UInt8], path: String, defaultName: String, blockSize: Int) throws {
        func refused(_ problem: String) -> TokenTreeError { .file(path: path, problem: problem) }

        let table: TOMLTable
        do {
            table = try TOMLValue.parse(bytes)
        } catch {
            throw refused("is no TOML at \(error)")
        }
        for key in table.keys where !TokenTree.keys.contains(key) {
            throw refused("unknown key \(key): a tree has \(TokenTree.keys.joined(separator: ", "))")
        }
        var name = defaultName
        if let value = table["name"] {
            guard let string = value.text else { throw refused("name must be a string") }
            name = string
        }
        if let value = table["block_size"] {
            guard let size = value.integer else { throw refused("block_size must be a whole number") }
            guard size == blockSize else {
                throw TokenTreeError.otherBlockSize(tree: name, treeSize: size, draftSize: blockSize)
            }
        }
        guard let list = table["paths"]?.list else {
            throw refused("paths is missing: list the nodes, such as paths = [[0], [0, 0]]")
        }
        let paths = try list.map { element in
            guard let ranks = element.list else { throw refused("paths must hold lists of ranks, such as [0, 1]") }
            return try ranks.map { rank in
                guard let rank = rank.integer else { throw refused("paths must hold whole numbers only") }
                return rank
            }
        }
        try self.init(name: name, blockSize: blockSize, paths: paths)
        try TokenTree.checkWritten(paths, name: name)
    }

    /// What a tree may do but a hand hardly means: a path written twice, a candidate left out before a worse one.
    private static func checkWritten(_ paths: [[Int]], name: String) throws {
        var known: Set<[Int]> = []
        for path in paths {
            guard known.insert(path).inserted else { throw TokenTreeError.repeated(tree: name, path: path) }
        }
        for path in paths where path[path.count - 1] > 0 {
            guard known.contains(path.dropLast() + [path[path.count - 1] - 1]) else {
                throw TokenTreeError.missingRank(tree: name, path: path)
            }
        }
    }

    /// The tree as a file that `init(tomlFile:)` reads.
    package var toml: String {
        let paths = nodes.map { "    [\($0.path.map(String.init).joined(separator: ", "))]," }
        let quoted = name.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        return "name = \"\(quoted)\"\nblock_size = \(blockSize)\npaths = [\n\(paths.joined(separator: "\n"))\n]\n"
    }
}
