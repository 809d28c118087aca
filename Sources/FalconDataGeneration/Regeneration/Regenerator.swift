import FalconDecoding
import FalconDigest
import FalconDraft
import FalconTensor
import FalconTokenizer
import Foundation

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
    private let head: DraftHead?
    private let shape: DraftShape?

    /// - Throws: `FileError`, `TokenTreeError` or the head's error where the draft head cannot be used.
    init(_ options: RegenerationOptions, source: FeatureSource, writer: UserTurnWriter? = nil) throws {
        (self.source, self.writer) = (source, writer)
        (sampling, maxNewTokens, cacheBytes) = (options.sampling, options.maxNewTokens, options.cacheBytes)
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
        (self.head, shape) = (head, .fixed(try TokenTree.select(options.tree, blockSize: head.blockSize)))
        // Greedy answers are the same with any head; sampled ones have the same distribution, not the same words.
        if draws {
            settings["regenerate_draft"] = "\(try Regenerator.digest(folder)) with the tree \(options.tree)"
        }
        self.settings = settings
    }

    /// Decodes this many texts at a time, and keeps their features.
    func makeEngine(texts: Int) -> DecodingEngine {
        DecodingEngine(
            target: source.model, head: head, shape: shape,
            options: DecodingEngine.Options(maximumTexts: texts, cacheBytes: cacheBytes, keepsFeatures: true),
            pool: source.pool)
    }

    private static func digest(_ folder: String) throws -> String {
        for name in ["model.safetensors", "pytorch_model.bin"] {
            let path = (folder as NSString).appendingPathComponent(name)
            if FileManager.default.fileExists(atPath: path) {
                return String(try SHA256Digest.hexadecimal(ofFile: path).prefix(16))
            }
        }
        throw FileError(folder, "has neither model.safetensors nor pytorch_model.bin")
    }
}
