internal import FalconDecoding
internal import FalconDraft
internal import FalconModels
internal import FalconTensor
internal import FalconTokenizer

/// A model as it was loaded: all that its texts need.
struct LoadedModel: Sendable {
    let target: TargetModel
    let tokenizer: Tokenizer
    let template: ChatTemplate
    /// Tokens that end an answer of a chat, and a text without one.
    let answerEnds, textEnds: Set<Int32>
    let options: LanguageModel.Options
}

/// The texts that are being decoded on a model's thread: an engine for each way of drafting, each with its texts.
///
/// Engines take passes alternately, since they share the threads. Never leaves its thread.
final class EngineDesk {
    typealias Continuation = AsyncThrowingStream<Generation, any Error>.Continuation

    /// One text.
    private struct Text {
        let number: Int
        var stream: TextStream
        let stop: StopRule
        let scorer: TokenScorer?
        let continuation: Continuation
        /// What the pass under way added.
        var arrived: [DecodedPass] = []
    }

    /// An engine and its texts.
    private final class Engine {
        let engine: DecodingEngine
        /// Kept with the engine, so that no other head gets its identity.
        let drafting: LoadedHead?
        var texts: [DecodingEngine.TextID: Text] = [:]

        init(_ engine: DecodingEngine, drafting: LoadedHead?) { (self.engine, self.drafting) = (engine, drafting) }
    }

    let pool: ThreadPool
    private let clock: SecondsClock
    private var engines: [Engine] = []

    init(pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds) { (self.pool, self.clock) = (pool, clock) }

    var isIdle: Bool { engines.allSatisfy(\.texts.isEmpty) }

    /// Takes on a text.
    func begin(
        _ request: TextRequest, number: Int, model: LoadedModel, drafting: LoadedHead?, _ continuation: Continuation
    ) {
        let engine = engine(for: model, drafting)
        let stop = StopRule(endTokens: request.endTokens, maximumTokens: request.options.maximumTokens)
        do {
            let id = try engine.engine.submit(
                .init(
                    prompt: request.prompt, stop: stop, sampling: request.options.sampling, stream: request.stream))
            let scorer = request.options.scoredAlternatives.map {
                TokenScorer(model.target, prompt: request.prompt, count: $0, maximumTokens: stop.maximumTokens)
            }
            engine.texts[id] = Text(
                number: number, stream: TextStream(request, model.tokenizer, clock: clock), stop: stop,
                scorer: scorer, continuation: continuation)
        } catch {
            continuation.finish(throwing: FalconError(error))
        }
    }

    /// Drops a text that nobody waits for any more, if it is still there.
    func drop(_ number: Int) {
        for engine in engines {
            for (id, text) in engine.texts where text.number == number {
                engine.engine.cancel(id)
                engine.texts[id] = nil
            }
        }
    }

    /// A pass over the texts of each engine that has any.
    func pass() {
        for engine in engines where !engine.texts.isEmpty {
            do { try pass(engine) } catch {
                for text in engine.texts.values { text.continuation.finish(throwing: FalconError(error)) }
                engines.removeAll { $0 === engine }
            }
        }
        // A head that nobody uses any more takes its kept beginnings with it once another one came.
        if engines.count > 4 { engines.removeAll { $0.texts.isEmpty } }
    }

    private func pass(_ engine: Engine) throws {
        let finished = try engine.engine.pass { id, pass in engine.texts[id]?.arrived.append(pass) }
        for id in engine.texts.filter({ !$0.value.arrived.isEmpty }).keys { tell(id, of: engine) }
        for (id, text) in engine.texts where text.stream.isStopped {
            engine.engine.cancel(id)
            end(text, .stopText)
            engine.texts[id] = nil
        }
        for done in finished {
            guard let text = engine.texts.removeValue(forKey: done.id) else { continue }
            let reason = FalconDecoding.FinishReason(done.text.tokens, stop: text.stop)
            end(text, FinishReason(reason))
        }
    }

    /// Sends what a pass added to a text.
    private func tell(_ id: DecodingEngine.TextID, of engine: Engine) {
        guard var text = engine.texts[id] else { return }
        for pass in text.arrived {
            let scores = text.scorer?.scores(of: pass.tokens, on: pool) ?? []
            if let piece = text.stream.append(pass, scores: scores) { text.continuation.yield(.text(piece)) }
        }
        text.arrived = []
        engine.texts[id] = text
    }

    private func end(_ text: Text, _ reason: FinishReason) {
        var text = text
        let (rest, summary) = text.stream.finish(reason)
        if let rest { text.continuation.yield(.text(rest)) }
        text.continuation.yield(.finished(summary))
        text.continuation.finish()
    }

    private func engine(for model: LoadedModel, _ drafting: LoadedHead?) -> Engine {
        if let known = engines.first(where: { $0.drafting === drafting }) { return known }
        let engine = Engine(
            DecodingEngine(
                target: model.target, head: drafting?.head, shape: drafting?.shape, lookup: drafting?.lookup,
                options: .init(
                    maximumTexts: model.options.maximumTexts, cacheBytes: model.options.cacheBytes),
                pool: pool, clock: clock),
            drafting: drafting)
        engines.append(engine)
        return engine
    }
}

extension FinishReason {
    init(_ reason: FalconDecoding.FinishReason) {
        switch reason {
        case .endToken: self = .endToken
        case .stopText: self = .stopText
        case .length: self = .length
        case .context: self = .context
        }
    }
}
