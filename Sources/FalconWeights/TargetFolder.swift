import FalconTensor

/// A target model's folder, opened: a configuration, and weights that are known to fit it.
///
/// Every command that computes with a target opens it here or by what is here, so that none computes what
/// `falcon-inspect model` calls broken. Names, shapes and types of all tensors are checked at once, which reads no
/// weight; values are checked where they are read (`LayerWeights.checkingValues`), or by `checkValues`.
package struct TargetFolder: Sendable {
    package let configuration: ModelConfiguration
    package let weights: WeightFolder

    /// - Throws: `FileError` where it is no model's folder, a setting is not supported, a file is damaged, or the
    ///   weights are not those of the configuration.
    package init(path: String) throws {
        guard !GGUFModelFiles.isMeant(path) else {
            let model = try GGUFModel(path: path)
            (configuration, weights) = (model.configuration, model.weights)
            return
        }
        configuration = try ModelConfiguration(folder: path)
        weights = try WeightFolder(path: path)
        try WeightCheck.refuse(
            TargetFolder.problems(configuration, weights), path: path,
            listedBy: "falcon-inspect model --target \(path)")
    }

    /// A GGUF file that is open, whose tensors were checked under its own names.
    package init(_ model: GGUFModel) { (configuration, weights) = (model.configuration, model.weights) }

    /// What is wrong with a target but for the values of its weights, a line each.
    package static func problems(_ configuration: ModelConfiguration, _ weights: WeightFolder) -> [String] {
        let (head, embedding) = ("lm_head.weight", "model.embed_tokens.weight")
        if let other = otherKind(weights) { return [other] }
        let check = WeightCheck(
            ModelTensors.target(configuration), in: weights, owner: "model",
            layers: ("model.layers.", configuration.layerCount)
        ) { configuration.tiesEmbeddings && $0 == head }
        var problems = check.problems
        // A tied head may be stored all the same, as long as it is the embedding.
        if configuration.tiesEmbeddings, let stored = weights.stored(head), let tied = weights.stored(embedding),
            !stored.hasSameValues(as: tied)
        {
            problems.append(
                "\(head) is stored and differs from the embedding, but tie_word_embeddings is true; set it to false to "
                    + "use the stored head")
        }
        for token in configuration.eosTokens where Int(token) >= configuration.vocabularySize {
            problems.append(
                "eos_token_id \(token) lies outside the vocabulary of \(configuration.vocabularySize); is "
                    + "config.json of another model?")
        }
        return problems
    }

    /// What the weights are of where they are no causal language model's at all.
    private static func otherKind(_ weights: WeightFolder) -> String? {
        guard !weights.contains("model.embed_tokens.weight") else { return nil }
        if weights.contains("lstm.weight_ih_l0") || weights.contains("fc.weight") {
            return "holds a draft head, not a whole model; give it as --draft"
        }
        if weights.contains("embed_tokens.weight"), weights.contains("norm.weight") {
            return "its tensors lack 'model.' before their names: it was saved from the bare decoder, without its LM "
                + "head; save the model for causal language modelling"
        }
        return nil
    }

    /// Looks at every value of the weights.
    ///
    /// - Throws: `FileError` that names a tensor with values that are infinite or not a number.
    package func checkValues(on pool: ThreadPool?) throws {
        for (name, _) in ModelTensors.target(configuration) {
            guard let stored = weights.stored(name) else { continue }
            guard try stored.isFinite(on: pool, releasesPages: true) else {
                throw FileError(stored.file.path, WeightCheck.notFinite(name))
            }
        }
    }
}
