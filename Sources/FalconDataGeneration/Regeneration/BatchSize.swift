import FalconDecoding
import FalconModels
import FalconTensor

/// How many texts are decoded in one pass.
package enum BatchSize: Sendable, Equatable {
    /// As many as are worth it on this machine.
    case automatic
    case texts(Int)

    package static let most = 1024

    /// Reads "auto" or a number of 1 to 1024; `nil` for anything else.
    package init?(_ text: String) {
        if text == "auto" {
            self = .automatic
        } else if let count = Int(text), (1...BatchSize.most).contains(count) {
            self = .texts(count)
        } else {
            return nil
        }
    }

    /// The number of texts, and one line on how it was chosen; none where a user gave it.
    ///
    /// - Parameters:
    ///   - check: may throw to stop the work.
    func resolve(
        _ source: FeatureSource, pool: ThreadPool, clock: @escaping SecondsClock = systemSeconds,
        check: () throws -> Void
    ) throws -> (texts: Int, note: String?) {
        guard case .automatic = self else {
            guard case .texts(let count) = self else { return (1, nil) }
            return (count, nil)
        }
        let (model, textLength) = (source.model, source.encoder.maxLength)
        let shape = model.configuration
        let bytes = 2 * shape.layerCount * shape.keyValueHeadCount * shape.headSize * MemoryLayout<Float>.size
        let memory = MemoryLimit.byteCount / 4
        let fitting = max(1, memory / max(1, bytes * textLength))
        var curve: [(texts: Int, rate: Double)] = []
        let start = clock()
        for texts in [1, 2, 4, 8, 16, 32, 64, 128] where texts <= max(1, fitting) {
            let seconds = try BatchSize.passSeconds(model, texts: texts, pool: pool, clock: clock, check: check)
            curve.append((texts, Double(texts) / seconds))
            // The next one takes about twice as long.
            if clock() - start > 10 { break }
        }
        let best = curve.map(\.rate).max() ?? 0
        // More texts would wait longer for the last of a run, whose passes are small again.
        let chosen = curve.first { $0.rate >= 0.92 * best }?.texts ?? 1
        let rates = curve.map { "\(Int($0.rate.rounded())) with \($0.texts)" }.joined(separator: ", ")
        let limit = fitting < 128 ? "; memory holds \(fitting) at a time" : ""
        return (chosen, "answering \(counted(chosen, "dialogue")) in a pass: tokens/s measured \(rates)\(limit)")
    }

    /// The shortest pass over so many short texts.
    private static func passSeconds(
        _ model: TargetModel, texts: Int, pool: ThreadPool, clock: @escaping SecondsClock, check: () throws -> Void
    ) throws -> Double {
        let (engine, length) = (
            DecodingEngine(
                target: model, head: nil, shape: nil, options: DecodingEngine.Options(maximumTexts: texts), pool: pool,
                clock: clock), min(6, model.configuration.positionLimit - 4)
        )
        let stop = StopRule(endTokens: [], maximumTokens: length)
        for text in 0..<texts {
            let prompt = [1, 2, 3].map { Int32((text * 3 + $0) % model.configuration.vocabularySize) }
            _ = try engine.submit(DecodingEngine.Request(prompt: prompt, stop: stop))
        }
        var shortest = Double.infinity
        while !engine.isIdle {
            var received = 0
            let before = clock()
            _ = try engine.pass { _, _ in received += 1 }
            // Passes over prompts yield nothing, or tokens of some texts only.
            if received == texts { shortest = min(shortest, clock() - before) }
            try check()
        }
        return shortest
    }
}
