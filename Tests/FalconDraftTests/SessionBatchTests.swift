import FalconTensor
import Testing

@testable import FalconDraft

/// Several sessions of one head in the same passes give the bits of each alone.
@Suite struct SessionBatchTests {
    let pool = ThreadPool(threadCount: 2)

    @Test(arguments: DraftSessionTests.shapes)
    func `Rows of several texts in one pass change no bit`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ newestPair: Bool
    ) throws {
        let forms = try DraftSessionTests.Forms(blockSize, fusion, layers, newestPair, length: 60, pool: pool)
        func sessions() -> [DraftSession] {
            (0..<4).map { _ in DraftSession(head: forms.head, capacity: 64, branchRows: 8 * blockSize) }
        }
        let (alone, together) = (sessions(), sessions())
        var ends = [Int](repeating: 0, count: 4)
        var random = RandomSource(seed: UInt64(blockSize))
        for _ in 0..<5 {
            // Each text has another number of new positions, some none.
            var committed: [DraftSession.Committed] = []
            for index in 0..<4 {
                let start = ends[index]
                ends[index] += start == 0 ? blockSize + 2 * index : random.below(4)
                let rows = forms.features.rows(start..<ends[index])
                let tokens = Array(forms.tokens[start..<ends[index]])
                alone[index].extend(features: rows, nextTokens: tokens, on: pool)
                committed.append((together[index], rows, tokens))
            }
            DraftSession.extend(committed, on: pool)
            let first = DraftSession.firstBlocks(together, on: pool)
            var expected = alone.compactMap { $0.firstBlock(on: pool) }
            #expect(expected.count == 4 && Tensor.stacked(expected).scalars == first.scalars)
            // One or two blocks behind the first, then one behind each of some of them.
            let one: [DraftSession.Continuation] = [(0, (0..<blockSize).map { Int32(3 + $0) })]
            let two = one + [(0, (0..<blockSize).map { Int32(9 + $0) })]
            let next = DraftSession.expand([(together[0], two), (together[2], one), (together[3], two)], on: pool)
            expected = [(0, two), (2, one), (3, two)].map { alone[$0.0].expand($0.1, on: pool) }
            #expect(Tensor.stacked(expected).scalars == next.scalars)
            let deeper: [DraftSession.Continuation] = [(2, one[0].tokens), (1, two[1].tokens)]
            let last = DraftSession.expand([(together[3], deeper), (together[0], [deeper[0]])], on: pool)
            expected = [(3, deeper), (0, [deeper[0]])].map { alone[$0.0].expand($0.1, on: pool) }
            #expect(Tensor.stacked(expected).scalars == last.scalars)
        }
    }
}
