import FalconTensor
import FalconTokenizer
import FalconWeights
import Foundation

/// A target model where a user names it: a folder in Hugging Face's layout, a folder of the hub's cache, or a GGUF
/// file. Everything that is read of a target is read through this, so that all forms serve wherever one does.
package struct ModelSource: Sendable {
    /// The folder or the file; of the hub's cache the snapshot, of a split GGUF model the first file.
    package let path: String
    private let form: Form

    private enum Form: Sendable {
        case folder
        /// Without a model where only the tokenizer was asked for; without a tokenizer where the file has none.
        case file(GGUFMetadata, GGUFModel?, Background<Tokenizer>?)
    }

    /// Looks whether a model is there. A GGUF file is opened and checked, its tokenizer included, since all of that is
    /// one header; a folder's files are opened when they are asked for.
    ///
    /// - Parameters:
    ///   - needsModel: false where only the tokenizer is wanted, which both forms may hold without a model.
    ///   - hasTime: whether the caller has other work to do before it asks for the tokenizer: a file's is made
    ///     meanwhile, and what is wrong with it is thrown by `tokenizer` only.
    /// - Throws: `FileError` or `TokenizerError` that says what the path is instead, or what is wrong with the file.
    package init(path: String, needsModel: Bool = true, hasTime: Bool = false) throws {
        let resolved = try ModelPath.resolved(path)
        guard GGUFModelFiles.isMeant(resolved) else {
            if needsModel { try ModelPath.check(resolved, as: .target) }
            (self.path, form) = (resolved, .folder)
            return
        }
        let files = try GGUFModelFiles(path: resolved)
        self.path = files.path
        let model = needsModel ? try GGUFModel(files) : nil
        let tokenizer =
            files.metadata.contains("tokenizer.ggml.model")
            ? Background { try Tokenizer(vocabulary: GGUFVocabulary(files.metadata), name: files.path) } : nil
        if !hasTime { _ = try tokenizer?.value() }
        form = .file(files.metadata, model, tokenizer)
    }

    /// Whether it is a GGUF file.
    package var isFile: Bool { if case .file = form { true } else { false } }

    /// The configuration and the weights, known to fit each other.
    ///
    /// - Throws: as `TargetFolder.init`.
    package func open() throws -> TargetFolder {
        guard case .file(_, let model?, _) = form else { return try TargetFolder(path: path) }
        return TargetFolder(model)
    }

    /// The configuration and the weights, whatever is wrong with them together: for inspection.
    package func parts() throws -> (configuration: ModelConfiguration, weights: WeightFolder) {
        if case .file(_, let model?, _) = form { return (model.configuration, model.weights) }
        return (try ModelConfiguration(folder: path), try WeightFolder(path: path))
    }

    /// Whether there is a tokenizer.
    package var hasTokenizer: Bool {
        if case .file(_, _, let tokenizer) = form { return tokenizer != nil }
        return FileManager.default.fileExists(atPath: path + "/tokenizer.json")
    }

    /// - Throws: `TokenizerError` naming the file and the field, where it is missing, broken, or of a kind not known.
    package func tokenizer() throws -> Tokenizer {
        guard case .file(_, _, let tokenizer) = form else { return try Tokenizer(folder: path) }
        guard let tokenizer else { throw TokenizerError(path, "holds no tokenizer: 'tokenizer.ggml.model' is missing") }
        return try tokenizer.value()
    }

    /// The model's chat template, or the one that the user names.
    ///
    /// - Throws: as `ChatTemplate.select`.
    package func template(_ choice: TemplateChoice) throws -> ChatTemplate {
        try ChatTemplate.select(choice, model: modelTemplate())
    }

    /// The templates that the model comes with, and the tokens that they name.
    package func modelTemplate() throws -> ModelTemplate {
        guard case .file(let metadata, _, _) = form else { return try ModelTemplate(folder: path) }
        let key = "tokenizer.chat_template"
        var templates: [(name: String, text: String)] = []
        if let text = try metadata.string(key) { templates.append(("default", text)) }
        for name in metadata.keys where name.hasPrefix(key + ".") {
            if let text = try metadata.string(name) { templates.append((String(name.dropFirst(key.count + 1)), text)) }
        }
        let tokens = try metadata.strings("tokenizer.ggml.tokens") ?? []
        var special: [String: String] = [:]
        for (role, name) in [("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad")] {
            guard let id = try metadata.token(role), tokens.indices.contains(Int(id)) else { continue }
            special[name + "_token"] = tokens[Int(id)]
        }
        return ModelTemplate(path: path, templates: templates, specialTokens: special)
    }
}
