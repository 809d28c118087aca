import FalconDraft
import FalconTensor
import Testing

@testable import FalconDecoding

@Suite struct RankStatisticsTests {
    typealias Look = RankStatistics.Look

    @Test func `A token of rank r is a try of every rank up to r`() {
        var statistics = RankStatistics()
        statistics.record([Look(rank: 0), Look(rank: 2), Look(rank: 0), Look(rank: nil), Look(rank: 5)])
        statistics.record([Look(rank: 0), Look(rank: nil)])
        statistics.record([Look(rank: 1, among: 3), Look(rank: nil, among: 2)])
        #expect(statistics.depth == 4 && statistics.tokens(depth: 1) == 3 && statistics.tokens(depth: 5) == 0)
        #expect(Array(statistics.histogram(depth: 1).prefix(3)) == [2, 1, 0])
        #expect(Array(statistics.histogram(depth: 2).prefix(4)) == [0, 0, 1, 0])
        func tries(_ depth: Int, _ rank: Int, _ isStraight: Bool) -> [Int] {
            let tries = statistics.tries(depth: depth, rank: rank, isStraight: isStraight)
            return [tries.count, tries.right]
        }
        #expect(tries(1, 0, true) == [3, 2] && tries(1, 1, true) == [1, 1] && tries(1, 2, true) == [0, 0])
        // The third round's two children at depth 2 hang below a detour; a third child was not looked at.
        #expect(tries(2, 0, true) == [2, 0] && tries(2, 2, true) == [2, 1] && tries(2, 3, true) == [1, 0])
        #expect(tries(2, 0, false) == [1, 0] && tries(2, 1, false) == [1, 0] && tries(2, 2, false) == [0, 0])
        #expect(tries(3, 0, false) == [1, 1] && tries(3, 0, true) == [0, 0])
        // Nothing is counted below a token that was not found.
        #expect(tries(4, 19, false) == [1, 0] && tries(5, 0, false) == [0, 0])

        var twice = statistics
        twice.add(statistics)
        #expect(twice.tokens(depth: 2) == 6 && twice.tries(depth: 1, rank: 1, isStraight: true).right == 2)
    }

    @Test(arguments: [(1, "medium"), (2, "large"), (3, "small"), (4, "chain:6")])
    func `Greedy decoding counts the rank of every token in its row, in the tree or not`(
        _ blockSize: Int, _ name: String
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 61, pool: pool)
        let head = try models.head(models.network(blockSize: blockSize, fusion: .lstm, seed: 4), pool: pool)
        let tree = try TokenTree.select(name, blockSize: blockSize)
        let prompt: [Int32] = [5, 6, 7, 8]
        let text = try SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
            .decode(prompt, stop: StopRule(endTokens: [], maximumTokens: 60))

        // The definition: draft along the text itself, from features of one pass over all of it.
        var expected = RankStatistics()
        let all = prompt + text.tokens
        let features = models.target.forward(all, cache: models.target.makeCache(capacity: all.count), on: pool)
        var newest = prompt.count
        for (round, accepted) in text.acceptLengths.enumerated() {
            let session = DraftSession(head: head, capacity: all.count, branchRows: 64)
            session.extend(features: features.rows(0..<newest), nextTokens: Array(all[1...newest]), on: pool)
            var block = try #require(session.firstBlock(on: pool))
            var looks: [Look] = []
            // Of tokens that are still allowed the target gives the last one itself: the last rounds draft less.
            let drafted = tree.limited(toDepth: all.count - newest - 2)
            for depth in 1...max(1, accepted + 1) where newest + depth < all.count {
                let (pass, offset) = ((depth - 1) / blockSize, (depth - 1) % blockSize)
                let path = looks.compactMap(\.rank)
                let isInTree = { (path: [Int]) in path.isEmpty || drafted.nodes.contains { $0.path == path } }
                guard drafted.depth > 0, isInTree(path), pass < drafted.passCount,
                    offset > 0 || pass == 0 || drafted.nodes.contains(where: { $0.path.dropLast() == path[...] }),
                    drafted.nodes.contains(where: {
                        $0.depth == depth && $0.path.prefix(pass * blockSize) == path.prefix(pass * blockSize)
                    })
                else { break }
                if offset == 0, pass > 0 {
                    let tokens = Array(all[(newest + depth - blockSize)..<(newest + depth)])
                    block = session.expand([(parent: pass - 1, tokens: tokens)], on: pool)
                }
                let logits = models.target.logits(block.rows([offset]), on: pool)
                let order = logits.largest(RankStatistics.rankLimit)[0].map(\.column)
                looks.append(Look(rank: order.firstIndex(of: all[newest + depth])))
            }
            expected.record(looks)
            newest += accepted + 1
            #expect(round < text.acceptLengths.count - 1 || newest >= all.count - 1)
        }
        #expect(text.ranks == expected)
        #expect(expected.tokens(depth: 1) > 10)
    }
}
