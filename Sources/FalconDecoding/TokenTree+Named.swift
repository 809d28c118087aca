/// Trees by name: the authors' own, small ones for CPUs, and chains.
extension TokenTree {
    /// The names that `--tree` knows, apart from `chain:D` and files.
    package static let names: [String] =
        Size.allCases.map(\.rawValue) + authorsTrees.keys.sorted() + longBlockTrees.keys.sorted()

    /// What `--tree` takes: a name, `chain:D`, or the path of a TOML file.
    ///
    /// - Parameter blockSize: the draft head's k.
    /// - Throws: `TokenTreeError` for an unknown name, a tree made for another k, or a file that is no tree.
    package static func select(_ option: String, blockSize: Int) throws -> TokenTree {
        if option.hasPrefix("chain:") {
            guard let length = Int(option.dropFirst("chain:".count)), (1...depthLimit).contains(length) else {
                throw TokenTreeError.chainLength(option)
            }
            return try chain(length: length, blockSize: blockSize)
        }
        if option.hasSuffix(".toml") { return try TokenTree(tomlFile: option, blockSize: blockSize) }
        if let size = Size(rawValue: option) { return try grown(size, blockSize: blockSize) }
        if let (treeSize, passes, nodes) = longBlockTrees[option] {
            guard blockSize == treeSize else {
                throw TokenTreeError.otherBlockSize(tree: option, treeSize: treeSize, draftSize: blockSize)
            }
            return try reaching(name: option, blockSize: blockSize, nodeCount: nodes, passCount: passes)
        }
        guard let words = authorsTrees[option] else { throw TokenTreeError.unknownName(option, known: names) }
        guard blockSize == 2 else {
            throw TokenTreeError.otherBlockSize(tree: option, treeSize: 2, draftSize: blockSize)
        }
        return try TokenTree(name: option, blockSize: 2, paths: paths(words))
    }

    /// One node a depth, always the best candidate: speculative decoding without tree attention.
    package static func chain(length: Int, blockSize: Int) throws -> TokenTree {
        let paths = (0..<max(0, length)).map { [Int](repeating: 0, count: $0 + 1) }
        return try TokenTree(name: "chain:\(length)", blockSize: blockSize, paths: paths)
    }

    /// Shipped sizes for any block size. On a CPU every verified row costs time, so even the large one is a third of
    /// the authors' tree.
    package enum Size: String, CaseIterable, Sendable {
        case small, medium, large

        var nodeCount: Int {
            switch self {
            case .small: 8
            case .medium: 20
            case .large: 48
            }
        }

        var passCount: Int {
            switch self {
            case .small: 1
            case .medium: 2
            case .large: 3
            }
        }
    }

    /// The shipped tree of a size: grown for a middling draft head.
    package static func grown(_ size: Size, blockSize: Int) throws -> TokenTree {
        try grown(
            name: size.rawValue, blockSize: blockSize, nodeCount: size.nodeCount,
            // A block of one token holds little: allow as many passes as two-token blocks would take for the depth.
            passCount: blockSize == 1 ? 2 * size.passCount : size.passCount, acceptance: middlingAcceptance)
    }

    /// The best candidates through all of some draft passes, then what a middling head would want: the counterpart for
    /// longer blocks of the authors' trees, which go through every pass too.
    static func reaching(name: String, blockSize: Int, nodeCount: Int, passCount: Int) throws -> TokenTree {
        var paths = (1...min(nodeCount, passCount * blockSize)).map { [Int](repeating: 0, count: $0) }
        let grown = try grown(
            name: name, blockSize: blockSize, nodeCount: nodeCount, passCount: passCount,
            acceptance: middlingAcceptance)
        let known = Set(paths)
        paths += grown.nodes.map(\.path).filter { !known.contains($0) }.prefix(nodeCount - paths.count)
        return try TokenTree(name: name, blockSize: blockSize, paths: paths)
    }

    /// Trees for k = 3 and 4, for which the paper has figures and the authors publish no tree: k, passes, nodes.
    private static let longBlockTrees: [String: (blockSize: Int, passes: Int, nodes: Int)] = [
        "kmask3_6layer_tree": (3, 2, 48), "kmask4_8layer_tree": (4, 2, 48),
    ]

    /// The share of candidates of a rank that the target would choose too, were everything above them accepted: a
    /// plain curve through what the quickstart's head was measured to do. Offsets of a block do about equally well
    /// (later ones see no less of the newest token), later passes worse (they build on predicted features), and the
    /// ranks behind the first share what it leaves.
    static func middlingAcceptance(pass: Int, offset: Int, rank: Int) -> Double {
        var first = 0.6
        for _ in 0..<pass { first *= 0.65 }
        var others = min(first, 0.3 * (1 - first))
        for _ in 1..<max(1, rank) { others *= 0.65 }
        return rank == 0 ? first : others
    }

    /// The tree of `nodeCount` nodes with the highest expected number of accepted tokens, where a node is accepted
    /// with the product of its path's acceptances: grown one node at a time, always the likeliest of those that
    /// could be added (no node is likelier than its parent or its next better sibling, so this is the best tree).
    ///
    /// - Parameter acceptance: of (pass, offset, rank); must not grow with the rank.
    package static func grown(
        name: String, blockSize: Int, nodeCount: Int, passCount: Int,
        acceptance: (_ pass: Int, _ offset: Int, _ rank: Int) -> Double
    ) throws -> TokenTree {
        func probability(of path: [Int], below parent: Double) -> Double {
            parent * acceptance((path.count - 1) / blockSize, (path.count - 1) % blockSize, path[path.count - 1])
        }
        let deepest = min(passCount * blockSize, depthLimit)
        var open: [(path: [Int], parent: Double, value: Double)] = []
        func offer(_ path: [Int], below parent: Double) {
            guard path.count <= deepest, path[path.count - 1] < rankLimit else { return }
            open.append((path, parent, probability(of: path, below: parent)))
        }
        var paths: [[Int]] = []
        offer([0], below: 1)
        while paths.count < nodeCount {
            guard let best = open.indices.max(by: { open[$0].value < open[$1].value }) else { break }
            let (path, parent, value) = open.remove(at: best)
            paths.append(path)
            offer(path + [0], below: value)
            offer(path.dropLast() + [path[path.count - 1] + 1], below: parent)
        }
        return try TokenTree(name: name, blockSize: blockSize, paths: paths)
    }

    /// Paths written as words, one base-36 digit a rank.
    private static func paths(_ words: String) -> [[Int]] {
        words.split(whereSeparator: \.isWhitespace).map { word in word.map { Int(String($0), radix: 36) ?? -1 } }
    }

    /// What was done to the list of paths behind a name before it was a tree, in one line; `nil` where nothing was.
    ///
    /// - Parameter option: as for `select`.
    package static func cleaning(_ option: String) -> String? {
        guard let words = authorsTrees[option] else { return nil }
        let paths = paths(words)
        var (known, repeated): (Set<[Int]>, [[Int]]) = ([], [])
        for path in paths where !known.insert(path).inserted { repeated.append(path) }
        guard !repeated.isEmpty else { return nil }
        return "tree \(option): the authors list \(paths.count) paths, \(known.count) different ones are drafted; "
            + "dropped as repeated: \(repeated.map { "\($0)" }.joined(separator: " "))"
    }

    /// The two trees that the authors publish for k = 2, as they list them: with some paths twice.
    private static let authorsTrees: [String: String] = [
        "kmask2_8layer_tree": """
        0 1 2 3 4 5 6 7 8 9 a b c d e f g h i j 00 01 02 03 04 05 06 07 08 09 10 11 20 21 30 000 001 002 003 004
        005 006 007 008 009 010 011 020 021 030 100 101 200 300 0000 0001 0002 0003 0004 0005 0006 0007 0008 0009
        0010 0011 0020 0100 0100 0101 0110 0200 0210 0300 1000 1001 2000 3000 00000 00001 00002 00003 00004 00005 00006
        00007 00008 00009 00010 00011 00020 00100 00200 01000 02000 03000 10000 20000 30000 000000 000001 000002
        000003 000004 000005 000006 000007 000008 000010 000011 000020 000100 000110 000200 001000 002000 010000
        020000 030000 100000 200000 300000 0000000 0000001 0000002 0000003 0000004 0000005 0000006 0000007 0000008
        0000010 0000011 0000020 0000100 0001000 0010000 0020000 0100000 0200000 0300000 1000000 2000000 00000000
        00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000010 00000011 00000020 00000100
        00000110 00000200 00001000 00010000 00100000 00200000 01000000 02000000 03000000 10000000 20000000
        """,
        "kmask2_6layer_tree_complex_2": """
        0 1 2 3 00 01 02 10 11 20 21 30 31 000 001 002 003 010 011 020 021 100 101 110 111 200 201 210 211 300 310
        0000 0001 0010 0011 0020 0030 0100 0101 0110 0200 0210 1000 1001 1010 1100 1110 2000 2010 2100 2110 3000
        3100 00000 00001 00002 00003 00010 00011 00100 01000 01001 01010 01011 000000 000001 000002 000003 000010
        000020 000030 000100 000110 001000 010000 010010 010100 010110 0000000 0000001 0000002 0000100 0000100
        0000101 0000101 0000102 0000102 0100000 0100001 0100100 0101000 0101100 00000000 00000010 00000020 00001000
        00001000 00001010 00001010 00001020 00001020 01000000 01000010 01001000 01010000 01011000
        """,
    ]
}
