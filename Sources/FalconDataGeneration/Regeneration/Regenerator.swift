import FalconDecoding
import FalconDigest
import FalconDraft
import FalconTensor
import FalconTokenizer
import Foundation

/// A tree that follows measured times, for answers that are drawn.
struct PlannedDrawing: Error, CustomStringConvertible {
    let tree: String

    var description: String {
        "--tree \(tree) follows measured times, so that drawn text would be other text in each run: "
            + "give a tree by its name, chain:D or a file"
    }
}

/// Lets the target answer dialogues itself, many in one pass: what all of its answers have in common.
struct Regenerator {
    let source: FeatureSource
    let sampling: SamplingRule
    let maxNewTokens: Int
    let endTokens: Set<Int32>
    /// Writes questions after the first, where the target asks itself.
    let writer: UserTurnWriter?
    /// What a user should know about the answers' ends, a line each.
    let notes: [String]
    /// What decides the answers, for the manifest.
    let settings: [String: String]
    private let cacheBytes: Int
    private let planSeconds: Double
    private let head: DraftHead?
    private let shape: DraftShape?

    /// - Throws: `FileError`, `TokenTreeError` or the head's error where the draft head cannot be used.
    init(_ options: RegenerationOptions, source: FeatureSource, writer: UserTurnWriter? = nil) throws {
        (self.source, self.writer) = (source, writer)
        (sampling, maxNewTokens, cacheBytes) = (options.sampling, options.maxNewTokens, options.cacheBytes)
        planSeconds = options.planSeconds
        let ends = AnswerEnds(
            configured: source.model.configuration.eosTokens, template: source.encoder.dialogues.template,
            tokenizer: source.tokenizer)
        (endTokens, notes) = (ends.tokens, ends.notes)
        let rule = options.sampling
        var settings = [
            "regenerate": "temperature \(rule.temperature), top_k \(rule.topK), top_p \(rule.topP), seed \(rule.seed), "
                + "max_new_tokens \(maxNewTokens)"
        ]
        // Folders that were begun before say nothing of ends, and had the model's own.
        let more = ends.tokens.subtracting(source.model.configuration.eosTokens)
        if !more.isEmpty { settings["answers_end_at"] = more.sorted().map(String.init).joined(separator: ", ") }
        let draws = !rule.isGreedy || writer?.options.turns ?? 1 > 1
        // Folders that were begun before drew by the prompt's tokens: their answers are others.
        if draws { settings["random_streams"] = "by row" }
        guard let folder = options.draft else {
            (head, shape, self.settings) = (nil, nil, settings)
            return
        }
        let head = try DraftHead(
            folder: folder, target: source.model, allowsOtherTarget: options.allowsOtherTarget, pool: source.pool)
        guard !draws || !DraftShape.isPlanned(options.tree) else { throw PlannedDrawing(tree: options.tree) }
        (self.head, shape) = (head, try .select(options.tree, blockSize: head.blockSize))
        // Greedy answers are the same with any head; sampled ones have the same distribution, not the same words.
        if draws {
            settings["regenerate_draft"] = "\(try Regenerator.digest(folder)) with the tree \(options.tree)"
        }
        self.settings = settings
    }

    /// Decodes this many texts at a time, and keeps their features.
    func makeEngine(texts: Int) -> DecodingEngine {
        var options = DecodingEngine.Options(maximumTexts: texts, cacheBytes: cacheBytes, keepsFeatures: true)
        options.states = source.auxiliaryLayers
        return DecodingEngine(target: source.model, head: head, shape: shape, options: options, pool: source.pool)
    }

    /// Measures rounds on some of the dialogues' first questions, where the head's tree is planned.
    ///
    /// - Parameters:
    ///   - texts: that will share a pass.
    ///   - check: may throw to stop the work.
    /// - Returns: what is chosen, in one line.
    func calibrate(_ dialogues: [Dialogue], texts: Int, check: () throws -> Void) throws -> String? {
        guard let head, let shape, let planner = shape.planner else { return nil }
        let step = max(1, dialogues.count / 8)
        let prompts = stride(from: 0, to: dialogues.count, by: step).prefix(8).compactMap { row -> [Int32]? in
            guard let dialogue = try? PromptDialogue(dialogues[row]) else { return nil }
            let messages = dialogue.preface + [ChatMessage(role: .user, content: dialogue.turns[0])]
            return try? source.encoder.dialogues.prompt(messages, dialogue.variables)
        }
        try SpeculativeDecoder(target: source.model, head: head, shape: shape, pool: source.pool).calibrate(
            prompts, stop: StopRule(endTokens: endTokens, maximumTokens: maxNewTokens), seconds: planSeconds,
            check: check)
        return planner.summary(sharedBy: texts)
    }

    private static func digest(_ folder: String) throws -> String {
        for name in ["model.safetensors", "pytorch_model.bin"] {
            let path = (folder as NSString).appendingPathComponent(name)
            if FileManager.default.fileExists(atPath: path) {
                return String(try SHA256Digest.hexadecimal(ofFile: path).prefix(16))
            }
        }
        throw FileError(folder, "has neither model.safetensors nor pytorch_model.bin; give a trained model's folder")
    }
}
