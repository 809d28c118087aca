internal import FalconDecoding
internal import FalconDraft
internal import FalconTensor
internal import FalconTokenizer

/// A draft head: a small network that proposes tokens, several at a time, for one ``LanguageModel`` to accept or not.
///
/// ```swift
/// let head = try await DraftHead.load("Models/chat-draft", for: model)
/// let copying = try await DraftHead.lookup(for: model)
/// ```
public final class DraftHead: Sendable {
    /// The model that it drafts for.
    public let model: LanguageModel
    /// Its folder; `lookup` where there is no network.
    public let path: String
    /// What was measured for a tree `auto`, in one line; `nil` for others.
    public let measured: String?
    let loaded: LoadedHead

    private init(_ model: LanguageModel, _ path: String, _ loaded: LoadedHead, measured: String?) {
        (self.model, self.path, self.loaded, self.measured) = (model, path, loaded, measured)
    }

    /// Opens a head's folder (`config.json` and weights).
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - model: the model that it was trained for; a head of another one is refused.
    ///   - tree: what is drafted in each round: `small`, `medium`, `large`, `chain:D`, a file that ends in `.toml`, or
    ///     `auto`: the tree that pays most on this machine, a smaller one the more texts are decoded at once. What is
    ///     drawn follows the tree, so that with `auto` it repeats only until the head is loaded again.
    ///   - precision: arithmetic of the head's products; what suits the model where it is `nil`.
    ///   - lookup: whether drafts from the text itself are added to the head's, as ``lookup(for:tree:measuring:)``
    ///     makes them. Pays where answers repeat their questions.
    ///   - seconds: how long `auto` measures.
    /// - Throws: `FalconError` where a file is missing or damaged, the head is another model's, or there is no such
    ///   tree.
    public static func load(
        _ path: String, for model: LanguageModel, tree: String = "medium", precision: Precision? = nil,
        addingLookup lookup: Bool = false, measuring seconds: Double = 3
    ) async throws -> DraftHead {
        let target = model.loaded
        let (loaded, measured) = try await model.thread.value { pool in
            let head = try FalconDraft.DraftHead(
                folder: path, target: target.target, arithmetic: precision?.arithmetic, pool: pool)
            guard tree == "auto" || !DraftShape.isPlanned(tree) else {
                throw FalconError("tree '\(tree)' grows by the times of one text alone: give auto, or one by its name")
            }
            let shape = try DraftShape.select(tree, blockSize: head.blockSize)
            let loaded = LoadedHead(head: head, shape: shape, addsLookup: lookup)
            guard let planner = shape.planner else { return (loaded, String?.none) }
            try SpeculativeDecoder(target: target.target, head: head, shape: shape, pool: pool)
                .calibrate(target.samplePrompts, stop: target.sampleStop, seconds: seconds)
            return (loaded, planner.summary(sharedBy: target.options.maximumTexts))
        }
        return DraftHead(model, path, loaded, measured: measured)
    }

    /// Drafts from the text itself, without a network: where its end came before, what followed there may follow again.
    /// Pays where answers repeat their questions. Drawn tokens are the same with it and without.
    ///
    /// - Parameters:
    ///   - model: the model to draft for.
    ///   - tree: `auto`, as many tokens as pay on this machine, or `chain:D`.
    ///   - seconds: how long `auto` measures.
    /// - Throws: `FalconError` where there is no such tree.
    public static func lookup(
        for model: LanguageModel, tree: String = "auto", measuring seconds: Double = 3
    ) async throws -> DraftHead {
        let target = model.loaded
        let (loaded, measured) = try await model.thread.value { pool in
            guard let planner = LookupPlanner.select(tree) else {
                throw FalconError(
                    "tree '\(tree)': without a network give auto or chain:1 to chain:\(LookupPlanner.rowLimit - 1)")
            }
            let loaded = LoadedHead(lookup: planner)
            guard planner.kind == .auto else { return (loaded, String?.none) }
            try LookupDecoder(target: target.target, planner: planner, pool: pool)
                .calibrate(target.samplePrompts, stop: target.sampleStop, seconds: seconds)
            return (loaded, planner.summary)
        }
        return DraftHead(model, "lookup", loaded, measured: measured)
    }

    /// How many tokens one pass of the network proposes; 0 where there is none.
    public var blockSize: Int { loaded.head?.blockSize ?? 0 }

    /// What is drafted in each round.
    public var treeName: String { loaded.name }
}

/// What drafts, and what it drafts in each round. Planners learn: only the model's thread touches them.
final class LoadedHead: @unchecked Sendable {
    let head: FalconDraft.DraftHead?
    let shape: DraftShape?
    let lookup: LookupPlanner?
    let name: String

    init(head: FalconDraft.DraftHead, shape: DraftShape, addsLookup: Bool) {
        (self.head, self.shape) = (head, shape)
        lookup = addsLookup ? LookupPlanner(head: shape.planner) : nil
        name = (shape.tree?.name ?? shape.planner?.name ?? "") + (addsLookup ? " + lookup" : "")
    }

    init(lookup: LookupPlanner) {
        (head, shape, self.lookup, name) = (nil, nil, lookup, lookup.name)
    }
}

extension LoadedModel {
    /// Texts by which rounds are timed before anybody has asked anything.
    fileprivate var samplePrompts: [[Int32]] {
        [
            "What is the capital of France, and what is it known for?", "Write a short story about a lighthouse.",
            "Explain in a few sentences how a bicycle stays upright.", "List five things to pack for a hike in autumn.",
        ].map { question in
            let messages = [ChatMessage(role: .user, content: question)]
            return (try? DialogueEncoder(template, tokenizer).prompt(messages)) ?? tokenizer.encode(question)
        }
    }

    fileprivate var sampleStop: StopRule { StopRule(endTokens: answerEnds, maximumTokens: 96) }
}
