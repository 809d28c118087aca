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
        let stop = try DecodingError.limited(stop, prompt: prompt, context: target.configuration.maxPositions)
        var text = DecodedText()
        guard stop.maximumTokens > 0 else { return text }
        let start = clock()

        let cache = target.makeCache(capacity: prompt.count + stop.maximumTokens)
        var choice = TokenChoice(sampling, prompt: prompt, ends: target.ends, pool: pool)
        var newest = text.seconds.measure(\.prefill, clock) {
            let features = target.forward(prompt, cache: cache, on: pool)
            return choice.token(after: features.rows(prompt.count - 1..<prompt.count))
        }
        var ended = try text.takeFirst(newest, stop: stop, receive: receive)
        while !ended {
            newest = text.seconds.measure(\.verify, clock) {
                choice.token(after: target.forward([newest], cache: cache, on: pool))
            }
            ended = try text.take([newest], path: [], treeDepth: 0, draftPasses: 0, stop: stop, receive: receive)
        }
        text.seconds.total = clock() - start
        return text
    }
}
