import FalconAutograd
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@testable import FalconDraft

/// The correction inside a block, in drafting form against the training form.
@Suite struct CorrectedSessionTests {
    let pool = ThreadPool(threadCount: 2)

    /// A random head with a correction that matters, and its LM head.
    private struct Forms {
        let network: DraftNetwork
        let head: DraftHead
        let folder: TemporaryFolder
        let features: Tensor
        let tokens: [Int32]

        init(_ blockSize: Int, layers: Int, pool: ThreadPool) throws {
            let forms = try DraftSessionTests.Forms(
                blockSize, .linear, layers, true, correction: 6, length: 24, pool: pool)
            (network, head, folder) = (forms.network, forms.head, forms.folder)
            (features, tokens) = (forms.features, forms.tokens)
        }

        /// The training form's last k rows.
        func expected(_ rows: Tensor, _ next: [Int32], own: [Int32], on pool: ThreadPool) -> Tensor {
            var tape = Tape(on: pool, recordsGradients: false)
            var dropout: Dropout?
            let all = network.forward(
                features: Tape.constant(rows.reshaped([1, rows.rowCount, 16])), nextTokens: [next],
                ownTokens: [[Int32](repeating: 0, count: rows.rowCount - own.count) + own], lengths: [rows.rowCount],
                dropout: &dropout, tape: &tape
            ).value
            return all.rows(rows.rowCount - head.blockSize..<rows.rowCount)
        }
    }

    @Test(arguments: [(2, 1), (3, 1), (4, 2)])
    func `Blocks and what continues them are those of the training form, their own tokens known`(
        blockSize k: Int, layers: Int
    ) throws {
        let forms = try Forms(k, layers: layers, pool: pool)
        let count = 4 * k
        let session = DraftSession(head: forms.head, capacity: 24, branchRows: 4 * k)
        session.extend(features: forms.features.rows(0..<count), nextTokens: Array(forms.tokens[..<count]), on: pool)
        let first = try #require(session.firstBlock(on: pool))
        let newest = forms.tokens[count - 1]
        for chosen in [Array(forms.tokens[count..<count + k]), Array(forms.tokens[..<k])] {
            // Offset o predicts the feature at the o-th of the newest token and those that are chosen.
            let before = forms.expected(
                forms.features.rows(0..<count), Array(forms.tokens[..<count]), own: [newest] + chosen.dropLast(),
                on: pool)
            expectClose(first.rows(0..<1), before.rows(0..<1), absolute: 1e-4, "the first row")
            let next = session.expand([(0, chosen)], on: pool)
            let after = forms.expected(
                .stacked([forms.features.rows(0..<count), before]), Array(forms.tokens[..<count]) + chosen,
                own: [chosen[k - 1]] + [Int32](repeating: 0, count: k - 1), on: pool)
            expectClose(next.rows(0..<1), after.rows(0..<1), absolute: 2e-4, "the first row behind \(chosen)")
        }
    }

    @Test func `Two branches of a block differ by what they chose inside it`() throws {
        let forms = try Forms(2, layers: 1, pool: pool)
        let session = DraftSession(head: forms.head, capacity: 24, branchRows: 8)
        session.extend(features: forms.features.rows(0..<8), nextTokens: Array(forms.tokens[..<8]), on: pool)
        _ = session.firstBlock(on: pool)
        let (one, other): ([Int32], [Int32]) = ([1, 2], [3, 2])
        let both = session.expand([(0, one), (0, other)], on: pool)
        #expect(both.rows(0..<2) != both.rows(2..<4))
        // Each as alone.
        for (index, chosen) in [one, other].enumerated() {
            #expect(session.expand([(0, chosen)], on: pool) == both.rows(index * 2..<index * 2 + 2))
        }
    }
}
