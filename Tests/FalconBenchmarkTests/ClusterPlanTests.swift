import FalconDraft
import FalconWeights
import Testing

@testable import FalconBenchmark

/// A plan's steps against what must hold of any.
@Suite struct ClusterPlanTests {
    private let target = BenchmarkSize.medium.configuration

    private func plan(
        _ network: Double, memory: Double = .infinity, tokens: Int = 32, batch: Int? = nil,
        fusion: FusionKind = .lstm, roundsGradients: Bool = false
    ) -> ClusterPlan {
        ClusterPlan(
            target: target,
            .init(
                dialogues: 64, tokens: tokens, epochs: 1, batch: batch, fusion: fusion,
                roundsGradients: roundsGradients),
            ranks: 16, rates: .init(gflops: 50, gigabytesPerSecond: memory, networkGigabits: network))
    }

    @Test func `a network without end leaves computing alone`() {
        for row in plan(.infinity).rows {
            #expect(row.seconds == row.computeSeconds && row.hiddenNetworkSeconds == 0 && row.networkSeconds == 0)
        }
        for row in plan(.infinity, memory: 2).rows {
            #expect(row.seconds == row.computeSeconds + row.memorySeconds && row.memorySeconds > 0)
        }
        let alone = plan(1).rows[0]
        #expect(alone.ranks == 1 && alone.seconds == alone.computeSeconds && alone.wireBytes == 0)
    }

    @Test(arguments: [FusionKind.lstm, .gated, .linear], [0.01, 0.3, 1, 10, 100])
    func `a step is as long as what it computes and as what it exchanges, and hides no more than both`(
        fusion: FusionKind, network: Double
    ) {
        for (tokens, batch) in [(1, 8), (32, 8), (512, 64), (512, 6)] {
            for row in plan(network, tokens: tokens, batch: batch, fusion: fusion).rows {
                let exchange = row.networkSeconds + row.hiddenNetworkSeconds
                // All bytes cross the network once; nothing is faster than it.
                let wire = row.wireBytes * 8 / network / 1e9
                #expect(exchange >= wire && exchange < 1.1 * wire + 1e-12)
                #expect(row.seconds >= max(row.computeSeconds, exchange) - 1e-12)
                #expect(abs(row.seconds - row.computeSeconds - row.networkSeconds) <= 1e-9 * row.seconds)
                #expect(row.hiddenNetworkSeconds <= min(row.computeSeconds, exchange / 2 + 1e-12))
            }
        }
    }

    @Test func `gradients in bfloat16 halve their part and nothing else`() {
        for (whole, rounded) in zip(plan(1).rows, plan(1, roundsGradients: true).rows) {
            #expect(rounded.wireBytes == 0.75 * whole.wireBytes && rounded.seconds <= whole.seconds)
            #expect(rounded.computeSeconds == whole.computeSeconds)
        }
    }

    @Test func `parts of a backward pass are all of it, and all of the head`() {
        for fusion in [FusionKind.lstm, .gated, .linear] {
            let head = DraftConfiguration(target: target, blockSize: 2, fusion: fusion)
            let work = TrainingWork(head.model, fusion: fusion, length: 512, glance: false)
            let backward = work.backward.vocabulary + work.backward.decoder + work.backward.fusion.reduce(0, +)
            // A forward pass and the teacher's logits are the rest.
            let vocabulary = Double(target.vocabularySize * target.hiddenSize)
            let forward = work.multiplications - backward - 2 * vocabulary
            let square = Double(target.hiddenSize * target.hiddenSize)
            let first = square * (fusion == .linear ? 2 : fusion == .gated ? 6 : 8)
            #expect(abs(2 * forward + vocabulary - first - backward) < 1e-6 * backward)
        }
    }
}
