internal import FalconDecoding
internal import FalconDraft

/// A draft head: a small network that proposes tokens, several at a time, for one ``LanguageModel`` to accept or not.
///
/// ```swift
/// let head = try await DraftHead.load("Models/chat-draft", for: model)
/// ```
public final class DraftHead: Sendable {
    /// The model that it drafts for.
    public let model: LanguageModel
    /// Its folder.
    public let path: String
    let loaded: LoadedHead

    private init(_ model: LanguageModel, _ path: String, _ loaded: LoadedHead) {
        (self.model, self.path, self.loaded) = (model, path, loaded)
    }

    /// Opens a head's folder (`config.json` and weights).
    ///
    /// - Parameters:
    ///   - model: the model that it was trained for; a head of another one is refused.
    ///   - tree: what is drafted in each round: `small`, `medium`, `large`, `chain:D`, or a file that ends in `.toml`.
    ///   - precision: arithmetic of the head's products; what suits the model where it is `nil`.
    /// - Throws: `FalconError` where a file is missing or damaged, the head is another model's, or there is no such
    ///   tree.
    public static func load(
        _ path: String, for model: LanguageModel, tree: String = "medium", precision: Precision? = nil
    ) async throws -> DraftHead {
        let target = model.loaded.target
        let loaded = try await model.thread.value { pool in
            let head = try FalconDraft.DraftHead(
                folder: path, target: target, arithmetic: precision?.arithmetic, pool: pool)
            guard !DraftShape.isPlanned(tree) else {
                throw FalconError("tree '\(tree)' is chosen by measuring, which the commands do: give one by its name")
            }
            return LoadedHead(head: head, tree: try TokenTree.select(tree, blockSize: head.blockSize))
        }
        return DraftHead(model, path, loaded)
    }

    /// How many tokens one pass of the head proposes.
    public var blockSize: Int { loaded.head.blockSize }

    /// The tree that is drafted in each round.
    public var treeName: String { loaded.tree.name }
}
