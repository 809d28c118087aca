import FalconInspection
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@Suite struct PeculiarityTests {
    /// A small model's folder with a changed configuration and other files of one's own.
    private func notes(
        _ source: String = "targets/llama_gqa", files: [String: String] = [:], tokenizer: String? = nil,
        _ change: (inout ModelConfiguration) -> Void = { _ in }
    ) throws -> (findings: [String], template: String?) {
        let folder = try TemporaryFolder()
        var configuration = try ModelConfiguration(folder: Fixtures.path(source))
        change(&configuration)
        try configuration.write(folder: folder.path)
        try FileManager.default.copyItem(
            atPath: Fixtures.path(source + "/model.safetensors"), toPath: folder.file("model.safetensors"))
        for (name, text) in files { try folder.write(text, to: name) }
        if let tokenizer {
            for name in ["tokenizer.json", "tokenizer_config.json"] {
                try FileManager.default.copyItem(
                    atPath: Fixtures.path("tokenizers/\(tokenizer)/\(name)"), toPath: folder.file(name))
            }
        }
        let model = try ModelInspection(folder: folder.path)
        return (model.findings.map(\.line), model.template)
    }

    @Test func `scaled positions, windows, types and end tokens are noted`() throws {
        let found = try notes(files: ["generation_config.json": #"{"eos_token_id": [2, 7]}"#]) {
            $0.rotary.scaling = .dynamic(factor: 4, maxPositions: 64)
            $0.raw["sliding_window"] = .integer(100_000)
            $0.raw["torch_dtype"] = .string("bfloat16")
            $0.eosTokens = [2]
        }.findings
        for words in [
            "note: rotary scaling dynamic: from position 64", "note: sliding_window 100000 is not in force",
            "note: config.json says bfloat16, the tensors are stored as float32",
            "note: generation_config.json ends answers with 7",
        ] { #expect(found.contains { $0.hasPrefix(words) }, "\(words): \(found)") }
    }

    @Test func `a tokenizer that does not fit, or does not end answers, is noted`() throws {
        let other = try notes(tokenizer: "qwen2")
        #expect(other.findings.contains { $0.hasPrefix("problem: the tokenizer has 1008 tokens, the embedding 128") })
        #expect(other.findings.contains { $0.contains("<|im_end|>") && $0.contains("no eos_token_id") })
        #expect(other.template?.hasPrefix("the model's own, from ") == true)
        let broken = try notes(files: ["tokenizer.json": "{"])
        #expect(broken.findings.contains { $0.hasPrefix("problem: ") && $0.contains("tokenizer.json") })
    }

    @Test func `the relaxed causal mask is drawn in blocks`() {
        #expect(
            MaskDrawing.lines(blockSize: 2, length: 3, labels: ["a", "b"])
                == ["0  ▣▣·  a", "1  ▣▣·  b", "2  ■■▣"])
        #expect(MaskDrawing.lines(blockSize: 4, length: 11)[10] == "10  ■■■■■■■■▣▣▣")
    }
}
