import FalconTensor
import Testing

@testable import FalconDecoding

@Suite struct LookupTreeTests {
    @Test func `trees are well formed over random texts, alone and beside a head's nodes`() {
        var random = RandomSource(seed: 5)
        for _ in 0..<200 {
            let index = NGramIndex((0..<80).map { _ in Int32(random.below(4)) })
            var base: [LookupTree.Node] = []
            for number in 0..<random.below(8) {
                let parent = random.below(number + 1) - 1
                let token = Int32(random.below(4))
                guard !base.contains(where: { $0.parent == parent && $0.token == token }), parent < base.count else {
                    continue
                }
                base.append(
                    .init(
                        parent: parent, token: token, depth: parent < 0 ? 1 : base[parent].depth + 1,
                        reach: 0.5 * (parent < 0 ? 1 : base[parent].reach)))
            }
            let (deepest, limit) = (random.below(7), random.below(20))
            var tree = LookupTree(index, base: base, deepest: deepest, limit: limit, floor: 0.01) {
                1 / Double(2 + $0.rank)
            }
            let all = tree.base + tree.added
            #expect(tree.base.map(\.token) == base.map(\.token) && tree.added.count <= limit)
            for (number, node) in all.enumerated() where number >= base.count {
                #expect(node.parent < number && node.depth <= deepest)
                #expect(node.depth == (node.parent < 0 ? 1 : all[node.parent].depth + 1))
                #expect(node.reach <= (node.parent < 0 ? 1 : all[node.parent].reach))
                #expect(!all[..<number].contains { $0.parent == node.parent && $0.token == node.token })
            }
            #expect(tree.added.map(\.reach) == tree.added.map(\.reach).sorted(by: >))
            // A row that costs nothing is always taken, one that costs a token never.
            let grown = tree
            tree.prune { _ in 0 }
            #expect(tree.added == grown.added)
            #expect(tree.prune { Double($0) } == 0 && tree.added.isEmpty)
        }
    }

    @Test func `what a head proposed as well is drafted once, and goes on below it`() {
        let index = NGramIndex([1, 2, 3, 4, 9, 1])
        let head = LookupTree.Node(parent: -1, token: 2, depth: 1, reach: 0.3)
        let tree = LookupTree(index, base: [head], deepest: 3, limit: 9, floor: 0) { _ in 0.9 }
        #expect(tree.added.map(\.token) == [3, 4] && tree.added.map(\.parent) == [0, 1])
        #expect(tree.base[0].reach == 0.9)
    }
}
