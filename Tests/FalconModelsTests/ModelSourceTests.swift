import FalconModels
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import FalconWeights
import Foundation
import Testing

@Suite struct ModelSourceTests {
    private let folder: TemporaryFolder
    private let pool = ThreadPool(threadCount: 2)

    init() throws { folder = try TemporaryFolder() }

    private func features(_ path: String) throws -> Tensor {
        let model = try TargetModel(ModelSource(path: path), pool: pool)
        return model.forward([3, 1, 4, 1, 5], cache: model.makeCache(capacity: 5), on: pool)
    }

    /// The same weights as a folder in Hugging Face's layout.
    private func writeFolder(_ name: String, like file: String) throws -> String {
        let model = try GGUFModel(path: file)
        let path = folder.file(name)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try model.configuration.write(folder: path)
        try SafetensorsWriter.write(
            path + "/model.safetensors", tensors: model.weights.names.map { ($0, try model.weights.tensor($0)) })
        return path
    }

    @Test(arguments: ["llama", "qwen2", "qwen3"])
    func `a GGUF file and a folder of the same weights compute the same`(architecture: String) throws {
        var shape = GGUFBuilder.Shape()
        (shape.architecture, shape.hasBiases) = (architecture, architecture == "qwen2")
        shape.hasHeadNorms = architecture == "qwen3"
        let file = try folder.write(GGUFBuilder.model(shape).bytes, to: "model.gguf")
        #expect(try features(file) == features(writeFolder("hf", like: file)))
    }

    @Test func `a file is known by its content where it has no name of its own`() throws {
        let bytes = GGUFBuilder.model().bytes
        let named = try folder.write(bytes, to: "model.gguf")
        let blob = try folder.write(bytes, to: "blobs/sha256-0123")
        try FileManager.default.createSymbolicLink(atPath: folder.file("link.gguf"), withDestinationPath: blob)
        #expect(try features(blob) == features(named))
        #expect(try features(folder.file("link.gguf")) == features(named))
        #expect(try ModelSource(path: blob).isFile)
    }

    @Test func `a tokenizer that is made meanwhile is refused when it is asked for`() throws {
        var model = GGUFBuilder.model()
        model.set("tokenizer.ggml.model", .string("gpt2"))
        model.set("tokenizer.ggml.tokens", .strings((0..<40).map { "t\($0)" }))
        let file = try folder.write(model.bytes, to: "model.gguf")
        // Merges are missing.
        #expect(throws: TokenizerError.self) { try ModelSource(path: file) }
        let source = try ModelSource(path: file, hasTime: true)
        #expect(source.hasTokenizer)
        for _ in 0..<2 { #expect(throws: TokenizerError.self) { try source.tokenizer() } }
        model.set("tokenizer.ggml.merges", .strings([]))
        let good = try ModelSource(path: folder.write(model.bytes, to: "model.gguf"), hasTime: true)
        #expect(try good.tokenizer().fingerprint == good.tokenizer().fingerprint)
    }

    @Test func `a folder of the hub's cache stands for its snapshot`() throws {
        let file = try folder.write(GGUFBuilder.model().bytes, to: "model.gguf")
        let cache = "models--org--name"
        _ = try writeFolder(cache + "/snapshots/abc", like: file)
        #expect(try ModelSource(path: folder.file(cache)).path.hasSuffix("/snapshots/abc"))
        let other = try writeFolder(cache + "/snapshots/def", like: file)
        let error = #expect(throws: FileError.self) { try ModelSource(path: folder.file(cache)) }
        #expect(error?.problem.contains("2 snapshots") == true)
        try folder.write("def\n", to: cache + "/refs/main")
        #expect(try ModelSource(path: folder.file(cache)).path == other)
        #expect(try features(folder.file(cache)) == features(file))
    }

    @Test func `a golden file gives a tokenizer, end tokens and features`() throws {
        let source = try ModelSource(path: Fixtures.path("gguf/base.gguf"))
        let target = try source.open()
        let tokenizer = try source.tokenizer()
        #expect(tokenizer.vocabularySize == target.configuration.vocabularySize)
        #expect(tokenizer.decode(tokenizer.encode("Hi!"), skippingSpecial: false) == "Hi!")
        #expect(target.configuration.eosTokens == [2] && target.configuration.bosToken == 1)
        let special = try source.modelTemplate().specialTokens
        #expect(special["bos_token"] == "<s>" && special["eos_token"] == "</s>")
        #expect(try features(source.path).isFinite)
    }

    @Test func `a template in the metadata is found`() throws {
        var file = GGUFBuilder.model()
        file.set(
            "tokenizer.chat_template",
            .string("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"))
        let source = try ModelSource(path: folder.write(file.bytes, to: "model.gguf"))
        #expect(try source.modelTemplate().source?.string?.contains("<|im_start|>") == true)
        #expect(!source.hasTokenizer)
        let error = #expect(throws: TokenizerError.self) { try source.tokenizer() }
        #expect(error.map { "\($0)".contains("tokenizer.ggml.model") } == true)
        file.set("tokenizer.chat_template.tool_use", .string("{{ tools }}"))
        let both = try ModelSource(path: folder.write(file.bytes, to: "both.gguf")).modelTemplate()
        #expect(both.source?.array?.compactMap { $0["name"]?.string } == ["default", "tool_use"])
    }

    @Test func `a tokenizer that is wrong refuses the model`() throws {
        let tokens = (0..<40).map { "t\($0)" }
        let cases: [(word: String, change: (inout GGUFBuilder) -> Void)] = [
            ("tokenizer.ggml.model", { $0.set("tokenizer.ggml.model", .string("quux")) }),
            ("tokenizer.ggml.token_type", { $0.set("tokenizer.ggml.token_type", .int32s([1, 1])) }),
            ("tokenizer.ggml.scores", { $0.set("tokenizer.ggml.scores", .float32s([0])) }),
            ("tokenizer.ggml.merges", { $0.set("tokenizer.ggml.merges", .strings(["t1t2"])) }),
            ("tokenizer.ggml.merges", { $0.set("tokenizer.ggml.merges", .strings(["t1 zz"])) }),
            ("tokenizer.ggml.merges", { $0.set("tokenizer.ggml.merges", .int32s([1])) }),
            ("tokenizer.ggml.pre", { $0.set("tokenizer.ggml.pre", .string("quux")) }),
            ("tokenizer.ggml.add_space_prefix", { $0.set("tokenizer.ggml.add_space_prefix", .uint32(1)) }),
        ]
        for (word, change) in cases {
            var file = GGUFBuilder.model()
            file.set("tokenizer.ggml.model", .string("gpt2"))
            file.set("tokenizer.ggml.tokens", .strings(tokens))
            file.set("tokenizer.ggml.merges", .strings([]))
            change(&file)
            let path = try folder.write(file.bytes, to: "model.gguf")
            let error = #expect(throws: (any Error).self, "\(word)") { try ModelSource(path: path) }
            let line = error.map { "\($0)" } ?? ""
            #expect(line.contains(word) && line.contains(path) && !line.contains("\n"), "\(line)")
        }
    }
}
