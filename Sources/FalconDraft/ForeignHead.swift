import FalconJSON
import FalconTensor
import FalconWeights

/// Draft heads of other methods, told by their files and refused by name.
enum ForeignHead {
    private static let fix = "use a Falcon or an EAGLE-1 head of the same target, or train one with falcon-train"

    private static func refusal(_ path: String, _ what: String) -> FileError {
        FileError(path, "\(what) is not supported; \(fix)")
    }

    /// By what lies in the folder.
    static func refuse(path: String) throws { try ModelPath.check(path, as: .draft) }

    /// By the configuration.
    static func refuse(_ object: JSONObject, path: String) throws {
        if let type = object["speculators_model_type"]?.string {
            throw refusal(path, "speculators_model_type: a head of the speculators library ('\(type)')")
        }
        if object["speculators_config"] != nil {
            throw refusal(path, "speculators_config: a head of the speculators library")
        }
        if object["medusa_num_heads"] != nil || object["medusa_num_layers"] != nil {
            throw refusal(path, "medusa_num_heads: a set of Medusa heads")
        }
        if object["hydra_num_heads"] != nil { throw refusal(path, "hydra_num_heads: a set of Hydra heads") }
        let names = (object["architectures"]?.array ?? []).compactMap(\.string) + [object["model_type"]?.string ?? ""]
        for name in names {
            let small = name.lowercased()
            if small.contains("eagle3") { throw refusal(path, "'\(name)': an EAGLE-3 head") }
            if small.contains("medusa") { throw refusal(path, "'\(name)': a set of Medusa heads") }
            if small.contains("mlpspeculator") || small.contains("mlp_speculator") {
                throw refusal(path, "'\(name)': an MLP speculator")
            }
            if small.contains("mtp") || small.contains("nextn") {
                throw refusal(path, "'\(name)': a multi-token-prediction head")
            }
        }
        if object["eagle_config"] != nil { throw refusal(path, "eagle_config: an EAGLE-3 head") }
        if object["draft_vocab_size"] != nil {
            throw refusal(path, "draft_vocab_size: an EAGLE-3 head (with a vocabulary of its own)")
        }
    }

    /// By the weights' names.
    ///
    /// - Parameter hasVocabulary: whether the configuration says that the head has a draft vocabulary, as Falcon's do.
    static func refuse(_ weights: WeightFolder, hasVocabulary: Bool, path: String) throws {
        func any(_ test: (String) -> Bool) -> String? { weights.names.first(where: test) }
        // A head that noted its block size is Falcon's: it lost a line of its configuration.
        let isOwn = hasVocabulary || weights.metadata[DraftMetadata.blockSize] != nil
        if let name = any({ $0.hasPrefix("midlayer.") || !isOwn && DraftVocabulary.contains($0) }) {
            throw refusal(path, "an EAGLE-3 head (tensor '\(name)')")
        }
        if let shape = weights.shape(of: "fc.weight"), shape.count == 2, shape[0] > 0, shape[1] == 3 * shape[0] {
            throw refusal(path, "an EAGLE-3 head (fc.weight \(shape) takes in three features)")
        }
        if let name = any({
            $0.hasPrefix("medusa_head") || $0.hasSuffix(".linear.weight") && $0.first?.isNumber == true
        }) {
            throw refusal(path, "a set of Medusa heads (tensor '\(name)')")
        }
        if weights.contains("model.embed_tokens.weight") {
            throw FileError(
                path, "holds a whole language model, not a draft head; give it as --target, or the head's folder here")
        }
    }
}
