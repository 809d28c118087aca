import FalconShards
import FalconTensor
import FalconTokenizer
import Synchronization

/// Replays the answers of a folder of feature shards, several conversations at once.
package struct ReplayRunner {
    private let store: FeatureStore
    private let tokenizer: Tokenizer
    private let replay: FeatureReplay
    private let detector: LoopDetector
    private let clock: SecondsClock

    /// - Parameter store: of features that the replay's target made, see `FeatureStore.requireFingerprints`.
    package init(
        store: FeatureStore, tokenizer: Tokenizer, replay: FeatureReplay, detector: LoopDetector = LoopDetector(),
        clock: @escaping SecondsClock = systemSeconds
    ) {
        (self.store, self.tokenizer, self.replay) = (store, tokenizer, replay)
        (self.detector, self.clock) = (detector, clock)
    }

    /// Replays conversations in the store's order. Each is the work of one thread, so the result does not depend on
    /// how many there are.
    ///
    /// - Parameters:
    ///   - limit: the most conversations to take, from the start.
    ///   - progress: told how many conversations and answer tokens are done; may throw to stop the work.
    /// - Returns: what was replayed, and what `progress` threw, if it did.
    /// - Throws: `FileError` or `HDF5Error` where a shard is damaged or lacks states that the head reads,
    ///   `DecodingError` where no conversation has an answer, and whatever `progress` throws before there is one.
    package func run(
        limit: Int? = nil, on pool: ThreadPool,
        progress: (_ conversations: Int, _ tokens: Int) throws -> Void = { _, _ in }
    ) throws -> (dialogues: [AnsweredDialogue], facts: ReplayFacts, stopped: (any Error)?) {
        let start = clock()
        try store.requireLayers(replay.head.configuration.auxiliaryLayers)
        let count = min(limit ?? store.count, store.count)
        var (dialogues, agreeing, tokens): ([AnsweredDialogue], Int, Int) = ([], 0, 0)
        var (expectation, ranks) = (ReplayedAnswer.Expectation(), RankStatistics())
        // Pieces bound how much is held between two looks at the progress.
        let piece = 8 * pool.threadCount
        var stopped: (any Error)?
        for first in stride(from: 0, to: count, by: piece) where stopped == nil {
            let numbers = Array(first..<min(first + piece, count))
            for replayed in try self.replayed(numbers, on: pool) where !replayed.dialogue.turns.isEmpty {
                dialogues.append(replayed.dialogue)
                agreeing += replayed.agreeingTokens
                expectation.add(replayed.expectation)
                ranks.add(replayed.ranks)
                tokens += replayed.dialogue.turns.reduce(0) { $0 + $1.decoded.tokens.count }
            }
            do {
                try progress(first + numbers.count, tokens)
            } catch {
                guard tokens > 0 else { throw error }
                stopped = error
            }
        }
        guard tokens > 0 else { throw DecodingError.noStoredAnswer(path: store.folder) }
        var statistics = AcceptStatistics()
        for turn in dialogues.flatMap(\.turns) { statistics.add(turn.decoded.statistics) }
        let facts = ReplayFacts(
            shards: store.folder, dtype: store.description.storage.rawValue, conversations: dialogues.count,
            textTokens: tokens, agreeingTokens: agreeing, cutPasses: statistics.cutPasses,
            acceptLengthEstimate: statistics.acceptLengthEstimate, ranks: ranks, expectation: expectation,
            seconds: clock() - start)
        return (dialogues, facts, stopped)
    }

    private struct Replayed: Sendable {
        let dialogue: AnsweredDialogue
        let agreeingTokens: Int
        let expectation: ReplayedAnswer.Expectation
        let ranks: RankStatistics
    }

    private func replayed(_ numbers: [Int], on pool: ThreadPool) throws -> [Replayed] {
        let results = Mutex<[Int: Result<Replayed, any Error>]>([:])
        let alone = ThreadPool(threadCount: 1)
        // Long ones first: no thread is left with much to do at the end.
        let order = numbers.sorted { store.sequences[$0].length > store.sequences[$1].length }
        pool.run(order.count) { piece in
            let result = Result { replayed(try store.sequence(at: order[piece]), on: alone) }
            results.withLock { $0[order[piece]] = result }
        }
        let all = results.withLock { $0 }
        return try numbers.compactMap { try all[$0]?.get() }
    }

    private func replayed(_ sequence: FeatureSequence, on pool: ThreadPool) -> Replayed {
        let answers = replay.replay(sequence, on: pool)
        var (expectation, ranks) = (ReplayedAnswer.Expectation(), RankStatistics())
        var (questions, turns, end): ([String], [AnsweredTurn], Int) = ([], [], 0)
        for answer in answers {
            let stored = answer.answer.tokens
            questions.append(tokenizer.decode(Array(sequence.tokens[end..<stored.lowerBound]), skippingSpecial: true))
            end = stored.upperBound
            expectation.add(answer.expectation)
            ranks.add(answer.decoded.ranks)
            var decoded = answer.decoded
            decoded.forgetLooks()
            turns.append(
                AnsweredTurn(
                    promptTokens: stored.lowerBound, decoded: decoded,
                    text: tokenizer.decode(decoded.tokens, skippingSpecial: true), baseline: nil,
                    loops: detector.loops(decoded.tokens)))
        }
        return Replayed(
            dialogue: AnsweredDialogue(
                prompt: PromptDialogue(id: sequence.id, turns: questions), turns: turns, problem: nil),
            agreeingTokens: answers.reduce(0) { $0 + $1.agreeingTokens }, expectation: expectation, ranks: ranks)
    }
}
