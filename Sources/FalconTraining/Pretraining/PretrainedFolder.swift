import FalconTensor
import FalconWeights
import Foundation

/// ChatML's marks, which the pretrained target's tokenizer holds as special tokens.
enum ChatMarks {
    static let endOfText = "<|endoftext|>"
    static let turnStart = "<|im_start|>"
    static let turnEnd = "<|im_end|>"
    static let all = [endOfText, turnStart, turnEnd]
}

/// The files of a Hugging Face model folder that are not weights: configuration, generation defaults, tokenizer.
struct PretrainedFolder {
    private let configuration: ModelConfiguration
    private let tokenizer: String

    /// - Parameters:
    ///   - type: how the weights beside these files are stored; `config.json` says so for transformers.
    ///   - tokenizer: the folder with the `tokenizer.json` and `tokenizer_config.json` that it was trained with.
    init(_ configuration: ModelConfiguration, type: ElementType, tokenizer: String) {
        var configuration = configuration
        configuration.raw["torch_dtype"] = .string(type.rawValue)
        self.configuration = configuration
        self.tokenizer = tokenizer
    }

    /// Writes `config.json`, `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`, and what the
    /// tokenizer's folder has of `special_tokens_map.json` and `added_tokens.json`.
    func write(_ folder: String) throws {
        try configuration.write(folder: folder)
        let stops = configuration.eosTokens + (configuration.padToken.map { [$0] } ?? [])
        var generation: [String: Any] = ["do_sample": false, "eos_token_id": stops.map { Int($0) }]
        generation["pad_token_id"] = configuration.padToken.map { Int($0) }
        let data = try JSONSerialization.data(withJSONObject: generation, options: [.prettyPrinted, .sortedKeys])
        try AtomicFile.write(folder + "/generation_config.json", text: String(decoding: data, as: UTF8.self) + "\n")
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            let source = tokenizer + "/" + name
            guard let bytes = FileManager.default.contents(atPath: source) else {
                throw FileError(source, "cannot be read; check that it is there and may be read")
            }
            try AtomicFile.write(folder + "/" + name) { try $0.write(Array(bytes)) }
        }
        // Tokens may stand in these alone.
        for name in ["special_tokens_map.json", "added_tokens.json"] {
            guard let bytes = FileManager.default.contents(atPath: tokenizer + "/" + name) else { continue }
            try AtomicFile.write(folder + "/" + name) { try $0.write(Array(bytes)) }
        }
    }
}
