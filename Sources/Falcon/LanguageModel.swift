internal import FalconDecoding
package import FalconJSON
internal import FalconModels
internal import FalconTensor
package import FalconTokenizer

/// A language model that continues texts: alone, or faster with a ``DraftHead``, to the same tokens.
///
/// ```swift
/// let model = try await LanguageModel.load("Models/chat")
/// let chat = ChatSession(model)
/// for try await text in chat.streamResponse(to: "What is 12 plus 7?") { print(text, terminator: "") }
/// ```
///
/// It may be used from everywhere at once: texts that are asked for at the same time share the passes over the model,
/// and each is the same bits as alone. One thread of its own, with as many helpers as ``Options/threads`` says, does
/// the work; no caller is blocked.
public final class LanguageModel: Sendable {
    /// How a model is loaded and run.
    public struct Options: Sendable, Equatable {
        /// Arithmetic of the model's products; what suits the file where it is `nil`.
        public var precision: Precision?
        /// The chat template: `auto` for the model's own, the name of one, or a file that ends in `.jinja`.
        public var template: String
        /// Threads that compute; one for each processor where it is `nil`. Results do not depend on it.
        public var threads: Int?
        /// Texts that are decoded at once; others wait.
        public var maximumTexts: Int
        /// Bytes for the beginnings of texts that are kept, so that the next turn of a conversation and a prompt that
        /// begins as another did start behind them; 0 keeps none. Results do not depend on it.
        public var cacheBytes: Int

        /// What suits most uses.
        public init(
            precision: Precision? = nil, template: String = "auto", threads: Int? = nil, maximumTexts: Int = 8,
            cacheBytes: Int = 256 << 20
        ) {
            (self.precision, self.template, self.threads) = (precision, template, threads)
            (self.maximumTexts, self.cacheBytes) = (maximumTexts, cacheBytes)
        }

        func check() throws {
            if let threads, threads < 1 { throw FalconError("threads is \(threads): give 1 or more") }
            if maximumTexts < 1 { throw FalconError("maximumTexts is \(maximumTexts): give 1 or more") }
            if cacheBytes < 0 { throw FalconError("cacheBytes is \(cacheBytes): give 0 or more") }
        }
    }

    let thread: ModelThread
    let loaded: LoadedModel

    private init(_ thread: ModelThread, _ loaded: LoadedModel) { (self.thread, self.loaded) = (thread, loaded) }

    /// Opens a model: a folder in Hugging Face's layout (`config.json`, `tokenizer.json`, weights) or a `.gguf` file.
    ///
    /// - Throws: `FalconError` where a file is missing or damaged, or the model is of a kind that is not supported.
    public static func load(_ path: String, options: Options = Options()) async throws -> LanguageModel {
        try options.check()
        let thread = ModelThread(threads: options.threads)
        let loaded = try await thread.value { pool in try LoadedModel(path: path, options: options, pool: pool) }
        return LanguageModel(thread, loaded)
    }

    /// The most tokens of a prompt and its continuation together.
    public var contextLength: Int { loaded.target.configuration.positionLimit }

    /// One more than the highest token id.
    public var vocabularySize: Int { loaded.target.configuration.vocabularySize }

    /// The tokens of a text; special tokens named in it are recognised, none is added.
    public func tokens(of text: String) -> [Int] { loaded.tokenizer.encode(text).map { Int($0) } }

    /// The text of tokens, special ones included; bytes that are no character become U+FFFD.
    public func text(of tokens: [Int]) -> String {
        loaded.tokenizer.decode(tokens.compactMap { Int32(exactly: $0) }, skippingSpecial: false)
    }

    /// Continues a text as it stands, without a chat template, up to the model's own end token.
    ///
    /// ```swift
    /// for try await part in model.generate("Once upon a time", drafting: head) {
    ///     if let text = part.text { print(text, terminator: "") }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - prompt: the text; special tokens named in it are recognised, none is added.
    ///   - head: drafts for it, which changes no greedy token and no distribution, only the speed.
    ///   - options: how tokens are chosen, and what ends the text.
    /// - Returns: the text as it comes, then ``Generation/finished(_:)``. It throws a `FalconError` for a prompt that
    ///   is empty or too long and options that are out of range. Cancelling the task that reads it ends the text.
    public func generate(
        _ prompt: String, drafting head: DraftHead? = nil, options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<Generation, any Error> {
        generate(
            loaded.tokenizer.encode(prompt), endTokens: loaded.textEnds, drafting: head, options: options)
    }

    /// The same for a prompt of tokens.
    package func generate(
        _ prompt: [Int32], endTokens: Set<Int32>, drafting head: DraftHead?, options: GenerationOptions,
        stream: String? = nil
    ) -> AsyncThrowingStream<Generation, any Error> {
        do {
            try options.check()
            if let head, head.model !== self {
                throw FalconError("\(head.path): was loaded for another model; load it for this one")
            }
            let request = TextRequest(
                prompt: prompt, options: options, endTokens: endTokens, stream: stream, submitted: systemSeconds())
            return thread.stream(request, with: loaded, drafting: head?.loaded, owner: self)
        } catch {
            return AsyncThrowingStream { $0.finish(throwing: error) }
        }
    }
}

/// Arithmetic of a model's products. Everything else is float32 always; the draft changes no result in any of them.
public enum Precision: String, Sendable, CaseIterable, Codable {
    /// A quantised file's own blocks.
    case stored
    /// 32 bits.
    case float32
    /// Weights and rows rounded to 16 bits.
    case bfloat16
    /// Weights and rows rounded to 8 bits, in groups of 64.
    case int8
    /// Weights rounded to 4 bits, in groups of 32.
    case int4

    var arithmetic: ProductArithmetic {
        switch self {
        case .stored: .stored
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .int8: .int8
        case .int4: .int4
        }
    }
}

extension LoadedModel {
    init(path: String, options: LanguageModel.Options, pool: ThreadPool) throws {
        let source = try ModelSource(path: path)
        target = try TargetModel(source, arithmetic: options.precision?.arithmetic, pool: pool)
        tokenizer = try source.tokenizer()
        template = try source.template(TemplateChoice(options.template))
        let configured = target.configuration.eosTokens
        textEnds = Set(configured)
        answerEnds = AnswerEnds(configured: configured, template: template, tokenizer: tokenizer).tokens
        self.options = options
    }
}

// MARK: For the package's own server

extension LanguageModel {
    /// The bytes that a token stands for, which may be a part of a character.
    package func bytes(of token: Int) -> [UInt8] {
        Int32(exactly: token).map(loaded.tokenizer.bytes(of:)) ?? []
    }

    /// Tokens that end an answer of a chat.
    package var answerEnds: Set<Int32> { loaded.answerEnds }

    /// Tokens that end a text without a template.
    package var textEnds: Set<Int32> { loaded.textEnds }

    /// The tokens that the model's answer to a conversation follows.
    ///
    /// - Parameter arguments: further variables of the template.
    /// - Throws: `FalconError` where the template has no form for it.
    package func chatPrompt(_ messages: [ChatMessage], _ arguments: JSONObject = JSONObject()) throws -> [Int32] {
        try wordingErrors {
            try DialogueEncoder(loaded.template, loaded.tokenizer).prompt(messages, arguments)
        }
    }
}
