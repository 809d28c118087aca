import FalconModels
import FalconTensor
import FalconWeights

/// The target that a draft head is to draft for, as far as it tells whether the head was made for it.
package struct DraftTarget: Sendable {
    package let configuration: ModelConfiguration
    package let fingerprint: String
    /// `nil` where the weights hold none that fits the configuration.
    private let embedding: StoredMatrix?

    package init(_ ends: EmbeddingAndHead) {
        (configuration, fingerprint, embedding) = (ends.configuration, ends.fingerprint, ends.embedding)
    }

    /// Opens a target's folder, whatever is wrong with its weights.
    ///
    /// - Throws: `FileError` where the configuration is not supported or a file is damaged.
    package init(folder: String) throws {
        let path = try ModelPath.resolved(folder)
        configuration = try ModelConfiguration(folder: path)
        let weights = try WeightFolder(path: path)
        fingerprint = TargetModel.fingerprint(configuration, weights)
        embedding = try? LayerWeights(weights).matrix(
            "model.embed_tokens.weight", rows: configuration.vocabularySize, columns: configuration.hiddenSize)
    }

    /// What speaks against a head being this target's, a line each; empty where nothing does.
    ///
    /// Sizes must agree; the fingerprint tells targets apart where the head notes its own's (Falcon's heads do), and so
    /// does the copy of the embedding that a head carries.
    package func problems(with head: DraftFolder, on pool: ThreadPool) -> [String] {
        let sizes = sizeProblems(with: head)
        guard sizes.isEmpty else { return sizes.map { $0 + ": made for another target" } }
        if let made = head.configuration.model.raw["target_fingerprint"]?.string {
            guard made == fingerprint else {
                return ["trained for the target \(made.prefix(12)), this one is \(fingerprint.prefix(12))"]
            }
        }
        let name = "embed_tokens.weight"
        guard let embedding, head.weights.shape(of: name) == [embedding.rows, embedding.columns],
            let own = try? LayerWeights(head.weights).matrix(name, rows: embedding.rows, columns: embedding.columns)
        else { return [] }
        // The copies may be stored in different types: bfloat16 keeps 8 bits.
        let different = own.rowsThatDiffer(from: embedding, relative: 0x1p-7, absolute: 1e-6, on: pool)
        guard different > 0 else { return [] }
        return ["\(different) of \(own.rows) rows of the embedding differ from the target's: made for another"]
    }

    /// Refuses a head that was made for another target.
    ///
    /// - Parameter isAllowed: whether somebody means it; the sizes must agree all the same.
    func check(_ head: DraftFolder, isAllowed: Bool, on pool: ThreadPool) throws {
        if let problem = sizeProblems(with: head).first {
            throw FileError(head.path + "/config.json", problem + ": use a draft head trained for this target")
        }
        guard !isAllowed, let problem = problems(with: head, on: pool).first else { return }
        throw FileError(
            head.path,
            "is a draft head of another target (\(problem)); use a head of this one, or --allow-other-target to draft "
                + "with it all the same")
    }

    /// What must agree whatever somebody means.
    private func sizeProblems(with head: DraftFolder) -> [String] {
        let own = head.configuration.model
        if let layer = head.configuration.auxiliaryLayers.last, layer > configuration.layerCount {
            return ["auxiliary_layers names layer \(layer), the target has \(configuration.layerCount)"]
        }
        return [
            ("hidden_size", own.hiddenSize, configuration.hiddenSize),
            ("vocab_size", own.vocabularySize, configuration.vocabularySize),
        ].compactMap { name, size, expected in
            size == expected ? nil : "\(name) is \(size), the target's is \(expected)"
        }
    }
}
