import FalconDecoding
import FalconDigest
import FalconDraft
import FalconJSON
import FalconTensor
import FalconTokenizer
import Foundation

/// Lets the target answer a dialogue's questions itself, turn by turn: each answer becomes part of the next prompt.
/// What is stored are the tokens that it generated, not its text made into tokens again.
struct Regenerator {
    private let source: FeatureSource
    private let decoder: any TextDecoder
    private let maxNewTokens: Int
    private let endTokens: Set<Int32>
    /// What a user should know about the answers' ends, a line each.
    let notes: [String]
    /// What decides the answers, for the manifest.
    let settings: [String: String]

    /// - Throws: `FileError`, `TokenTreeError` or the head's error where the draft head cannot be used.
    init(_ options: RegenerationOptions, source: FeatureSource) throws {
        self.source = source
        maxNewTokens = options.maxNewTokens
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
        if let folder = options.draft {
            let head = try DraftHead(
                folder: folder, target: source.model, allowsOtherTarget: options.allowsOtherTarget, pool: source.pool)
            let tree = try TokenTree.select(options.tree, blockSize: head.blockSize)
            decoder = SpeculativeDecoder(
                target: source.model, head: head, tree: tree, sampling: rule, pool: source.pool)
            // Greedy answers are the same with any head; sampled ones have the same distribution, not the same words.
            if !rule.isGreedy {
                settings["regenerate_draft"] = "\(try Regenerator.digest(folder)) with the tree \(options.tree)"
            }
        } else {
            decoder = PlainDecoder(target: source.model, sampling: rule, pool: source.pool)
        }
        self.settings = settings
    }

    /// - Parameter check: called after each target pass; what it throws ends the work.
    func answer(_ dialogue: Dialogue, check: () throws -> Void) throws -> RegeneratedDialogue {
        func leftOut(_ reason: String) -> RegeneratedDialogue {
            RegeneratedDialogue(id: dialogue.id, result: .failure(.skipped(reason)))
        }
        guard let prompt = try? PromptDialogue(dialogue) else { return leftOut("nobody asks anything") }
        var messages = prompt.preface
        var answered: Conversation?
        var history = AnswerHistory()
        for turn in prompt.turns {
            messages.append(ChatMessage(role: .user, content: turn))
            let encoded: EncodedDialogue
            do {
                let text = try source.encoder.dialogues.template.prompt(messages, prompt.variables)
                history.ask(text)
                encoded = try source.encoder.dialogues.encodePrompt(
                    messages, prompt.variables, isLearned: history.isKept)
            } catch {
                messages.removeLast()
                if answered == nil {
                    return leftOut((error as? DialogueRefusal)?.kind ?? "the template has no form for it")
                }
                break
            }
            let room = min(maxNewTokens, source.encoder.maxLength - encoded.ids.count)
            guard room > 0 else {
                messages.removeLast()
                if answered == nil { return leftOut("its question leaves no room for an answer") }
                break
            }
            let stop = StopRule(endTokens: endTokens, maximumTokens: room)
            let tokens = try decoder.decode(encoded.ids, stop: stop) { _ in try check() }.tokens
            let isWhole = tokens.last.map(endTokens.contains) ?? false
            let answer = source.tokenizer.decode(tokens, skippingSpecial: true)
            history.answer(answer, message: messages.count)
            messages.append(ChatMessage(role: .assistant, content: answer))
            answered = Conversation(
                id: dialogue.id, tokens: encoded.ids + tokens,
                lossMask: encoded.lossMask + [UInt8](repeating: 1, count: tokens.count), isTruncated: !isWhole)
            // What would follow an answer that was cut is nothing that the target would say.
            guard isWhole else { break }
        }
        guard let answered else { return leftOut("nobody asks anything") }
        return RegeneratedDialogue(
            id: dialogue.id, messages: messages, variables: prompt.variables, result: .success(answered))
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

/// What became of a dialogue.
struct RegeneratedDialogue {
    let id: String
    /// With the target's answers.
    var messages: [ChatMessage] = []
    /// What the row gives its template besides them.
    var variables = JSONObject()
    /// `isTruncated` where the last answer was cut.
    let result: Result<Conversation, Rejection>
}
