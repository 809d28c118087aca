import FalconModels
import FalconTensor

/// Plain decoding: one target pass a token. What speculative decoding is measured against, and must equal.
package struct PlainDecoder: TextDecoder {
    private let target: TargetModel
    private let sampling: SamplingRule
    private let pool: ThreadPool
    private let clock: SecondsClock

    package init(
        target: TargetModel, sampling: SamplingRule = .greedy, pool: ThreadPool,
        clock: @escaping SecondsClock = systemSeconds
    ) {
        self.target = target
        self.sampling = sampling
        self.pool = pool
        self.clock = clock
    }

    package func decode(
        _ prompt: [Int32], stop: StopRule, receive: (DecodedPass) throws -> Void
    ) throws -> DecodedText {
        var run = try Continuation(
            prompt, stop: stop, target: target, sampling: sampling, treeRows: 0, pool: pool, clock: clock,
            receive: receive)
        while !run.hasEnded { try run.step(receive: receive) }
        return run.finished()
    }
}
