import FalconModels
import FalconTokenizer
import FalconWeights
import Foundation

/// What is unusual about a target model's folder, or about its files together: nothing that is wrong by itself, but
/// what explains a result that nobody expected.
struct ModelPeculiarities {
    /// Where the model's chat template was found and what it is; `nil` where there is none that is known.
    private(set) var template: String?
    private(set) var findings: [Finding] = []

    init(_ configuration: ModelConfiguration, _ weights: WeightFolder, _ source: ModelSource) {
        note(positions: configuration)
        note(types: configuration, weights)
        note(shape: configuration, weights)
        note(tokenizer: configuration, source)
    }

    private mutating func note(_ text: String) { findings.append(.note(text)) }

    private mutating func note(positions configuration: ModelConfiguration) {
        switch configuration.rotary.scaling {
        case .none: break
        case .divided where configuration.rotary.magnitude != 1:
            note(
                "rotary scaling longrope: its short factors serve up to \(configuration.maxPositions) positions; "
                    + "longer texts, which its long factors are for, are not supported")
        case .divided: note("rotary scaling: each frequency is divided by a number of its own (Llama 3.1's in GGUF)")
        case .linear(let factor):
            note("rotary scaling linear: positions are divided by \(factor)")
        case .llama3(let factor, _, _, let original):
            note("rotary scaling llama3: slow angles are divided by \(factor), for more than \(original) positions")
        case .dynamic(_, let original):
            note(
                "rotary scaling dynamic: from position \(original) on the base grows with the position, as when "
                    + "Hugging Face decodes token by token; a prompt longer than that, which it reads with one base "
                    + "for all positions, gives other features here")
        }
        let layers = configuration.plan.layers
        let windows = layers.compactMap(\.window)
        if let window = windows.max() {
            note("\(windows.count) of \(configuration.layerCount) layers see the last \(window) positions only")
        } else if let window = ConfigurationFields(configuration.raw, path: "config.json")["sliding_window"]?.integer {
            note("sliding_window \(window) is not in force: every layer attends to all positions")
        }
        let unturned = layers.count { $0.rotary == nil }
        if unturned > 0 { note("\(unturned) of \(configuration.layerCount) layers have no rotary positions") }
        if let size = configuration.plan.rotatedSize {
            note("rotary positions turn \(size) of the \(configuration.headSize) dimensions of a head")
        }
    }

    private mutating func note(types configuration: ModelConfiguration, _ weights: WeightFolder) {
        let counts = Dictionary(
            weights.names.compactMap { weights.stored($0)?.encoding }.map { ($0, 1) }, uniquingKeysWith: +)
        if counts.count > 1 {
            let words = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            note("tensors are stored in several types: \(words.joined(separator: ", "))")
        }
        let fields = ConfigurationFields(configuration.raw, path: "config.json")
        let named = (fields["dtype"] ?? fields["torch_dtype"])?.string
        if let named, !counts.isEmpty, counts[named] == nil {
            note("config.json says \(named), the tensors are stored as \(counts.keys.sorted().joined(separator: ", "))")
        }
    }

    private mutating func note(shape configuration: ModelConfiguration, _ weights: WeightFolder) {
        if configuration.headCount * configuration.headSize != configuration.hiddenSize {
            note(
                "\(configuration.headCount) heads of \(configuration.headSize) make "
                    + "\(configuration.headCount * configuration.headSize) columns, not hidden_size "
                    + "\(configuration.hiddenSize): head_dim is set by itself")
        }
        if configuration.tiesEmbeddings, weights.contains("lm_head.weight") {
            note("lm_head.weight is stored although the embedding serves as LM head")
        }
        let own = (try? ConfigurationFields(configuration.raw, path: "config.json").tokens("eos_token_id")) ?? []
        let added = configuration.eosTokens.filter { !own.contains($0) }
        if !added.isEmpty {
            let words = added.map(String.init).joined(separator: ", ")
            note("generation_config.json ends answers with \(words), too, which config.json does not name")
        }
    }

    private mutating func note(tokenizer configuration: ModelConfiguration, _ source: ModelSource) {
        guard source.hasTokenizer else {
            note("no tokenizer\(source.isFile ? "" : ".json"): chats and prompts cannot be turned into tokens")
            return
        }
        let tokenizer: Tokenizer
        do {
            tokenizer = try source.tokenizer()
        } catch {
            findings.append(.problem("\(error)"))
            return
        }
        let (rows, tokens) = (configuration.vocabularySize, tokenizer.vocabularySize)
        if tokens > rows {
            findings.append(
                .problem("the tokenizer has \(tokens) tokens, the embedding \(rows) rows: of another model?"))
        } else if tokens < rows {
            note("vocab_size \(rows) is \(rows - tokens) above the tokenizer's \(tokens): rows that no text uses")
        }
        do {
            let chosen = try source.template(TemplateChoice())
            template = chosen.origin
            let ends = AnswerEnds(configured: configuration.eosTokens, template: chosen, tokenizer: tokenizer)
            findings += ends.notes.map(Finding.note)
        } catch {
            note("\(error)")
        }
    }
}
