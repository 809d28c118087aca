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
        let engine = DecodingEngine(target: target, options: .init(maximumTexts: 1), pool: pool, clock: clock)
        return try engine.decode(.init(prompt: prompt, stop: stop, sampling: sampling), receive: receive)
    }
}
