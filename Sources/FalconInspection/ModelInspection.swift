import FalconModels
import FalconTensor
import FalconWeights

/// What a target model's folder holds, and what is wrong with it.
package struct ModelInspection: Sendable, Encodable {
    package let folder: String
    package let family: String
    package let vocabularySize, hiddenSize, layers, heads, keyValueHeads, headSize, intermediateSize, maxPositions: Int
    package let rotary: String
    package let tiesEmbeddings: Bool
    package let eosTokens: [Int32]
    /// Values in all tensors.
    package let parameters: Int
    /// Bytes of all tensors as they are stored.
    package let weightBytes: Int
    /// Tensors of each stored type.
    package let storedTypes: [String: Int]
    /// Bytes of keys and values that each position of a conversation takes up in memory.
    package let cacheBytesPerToken: Int
    /// What feature shards and checkpoints are tied to.
    package let fingerprint: String
    /// The chat template that `--template auto` takes, and why; `nil` where it finds none.
    package let template: String?
    package let findings: [Finding]

    /// - Throws: `FileError` where the configuration is not supported or a file is damaged.
    package init(folder: String) throws {
        let source = try ModelSource(path: folder)
        let (configuration, weights) = try source.parts()
        self.folder = folder
        family = configuration.family.rawValue
        (vocabularySize, hiddenSize) = (configuration.vocabularySize, configuration.hiddenSize)
        (layers, heads) = (configuration.layerCount, configuration.headCount)
        (keyValueHeads, headSize) = (configuration.keyValueHeadCount, configuration.headSize)
        (intermediateSize, maxPositions) = (configuration.intermediateSize, configuration.maxPositions)
        rotary = configuration.rotary.words
        tiesEmbeddings = configuration.tiesEmbeddings
        eosTokens = configuration.eosTokens
        let stored = weights.names.compactMap { weights.stored($0) }
        parameters = stored.reduce(0) { $0 + $1.count }
        weightBytes = stored.reduce(0) { $0 + $1.byteCount }
        storedTypes = Dictionary(stored.map { ($0.encoding, 1) }, uniquingKeysWith: +)
        cacheBytesPerToken = 2 * layers * keyValueHeads * headSize * MemoryLayout<Float>.size
        fingerprint = TargetModel.fingerprint(configuration, weights)
        let peculiarities = ModelPeculiarities(configuration, weights, source)
        template = peculiarities.template
        findings = try ModelInspection.findings(configuration, weights) + peculiarities.findings
    }

    private static func findings(
        _ configuration: ModelConfiguration, _ weights: WeightFolder
    ) throws -> [Finding] {
        var findings = TargetFolder.problems(configuration, weights).map(Finding.problem)
        for (name, _) in ModelTensors.target(configuration) {
            guard let stored = weights.stored(name), stored.type.isFloatingPoint, try !stored.isFinite() else {
                continue
            }
            findings.append(.problem(WeightCheck.notFinite(name)))
        }
        if configuration.eosTokens.isEmpty {
            findings.append(.problem("no eos_token_id in config.json or generation_config.json: answers never end"))
        }
        return findings
    }

    /// The report for people.
    package var lines: [String] {
        let types = storedTypes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return FactTable.lines([
            ("family", family), ("layers", "\(layers), hidden size \(hiddenSize), intermediate \(intermediateSize)"),
            ("heads", "\(heads) of size \(headSize), \(keyValueHeads) for keys and values"),
            (
                "vocabulary",
                "\(vocabularySize)" + (tiesEmbeddings ? ", embedding and LM head tied" : ", LM head of its own")
            ),
            ("positions", "\(maxPositions), \(rotary)"),
            ("end tokens", eosTokens.map(String.init).joined(separator: ", ")), ("template", template ?? "none"),
            ("parameters", "\(parameters)"), ("stored", "\(weightBytes) bytes, tensors: \(types)"),
            ("cache", "\(cacheBytesPerToken) bytes per token"), ("fingerprint", fingerprint),
        ]) + findings.map(\.line)
    }

    enum CodingKeys: String, CodingKey {
        case folder, family, layers, heads, rotary, parameters, fingerprint, template, findings
        case vocabularySize = "vocabulary_size", hiddenSize = "hidden_size", keyValueHeads = "key_value_heads"
        case headSize = "head_size", intermediateSize = "intermediate_size", maxPositions = "max_positions"
        case tiesEmbeddings = "ties_embeddings", eosTokens = "eos_tokens", weightBytes = "weight_bytes"
        case storedTypes = "stored_types", cacheBytesPerToken = "cache_bytes_per_token"
    }
}

extension RotaryConfiguration {
    /// "base 10000" and what stretches it, for reports.
    package var words: String {
        let kind =
            switch scaling {
            case .none: ""
            case .linear(let factor): ", linear by \(factor)"
            case .dynamic(let factor, let maxPositions): ", dynamic by \(factor) beyond \(maxPositions)"
            case .divided: ", each frequency divided by a number of its own"
            case .llama3(let factor, _, _, let original): ", llama3 by \(factor) beyond \(original)"
            }
        return "rotary base \(base)\(kind)"
    }
}
