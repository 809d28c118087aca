import FalconDecoding
import FalconInspection
import FalconModels
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import FalconWeights
import Testing

@Suite struct InspectionTests {
    @Test(arguments: ["llama_bf16", "llama_gqa"])
    func `a sound model has no findings but that it lacks a tokenizer`(name: String) throws {
        let model = try ModelInspection(folder: Fixtures.path("targets/" + name))
        #expect(model.findings == [.note("no tokenizer.json: chats and prompts cannot be turned into tokens")])
        #expect(model.fingerprint.count == 64)
        #expect(model.lines.contains { $0.hasPrefix("parameters") && $0.hasSuffix("\(model.parameters)") })
    }

    @Test func `the list of tensors fits every family`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        for name in try Fixtures.contents(of: shared + "/fixtures/targets") {
            let model = try ModelInspection(folder: shared + "/fixtures/targets/" + name)
            #expect(model.findings.problemCount == 0, "\(name): \(model.findings)")
        }
    }

    @Test func `a missing, a misshapen and a foreign tensor are found`() throws {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("targets/llama_gqa")
        try ModelConfiguration(folder: source).write(folder: folder.path)
        let weights = try WeightFolder(path: source)
        var tensors = try weights.names.map { (name: $0, tensor: try weights.tensor($0)) }
        tensors.removeAll { $0.name == "model.norm.weight" }
        let index = try #require(tensors.firstIndex { $0.name == "lm_head.weight" })
        tensors[index].tensor = Tensor(zeros: [2, 2])
        tensors.append(("stray", Tensor([.nan], [1])))
        try SafetensorsWriter.write(folder.file("model.safetensors"), tensors: tensors)
        let findings = try ModelInspection(folder: folder.path).findings
        #expect(findings.problemCount == 3)
        for word in ["'model.norm.weight' of shape [48] is missing", "[2, 2]", "'stray'"] {
            #expect(findings.contains { $0.text.contains(word) }, "\(word)")
        }
    }

    @Test func `dumped features are those of transformers`() throws {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("targets/llama_gqa")
        let tokens = try TokenInput.file(source + "/expected.safetensors", row: 1)
        let pool = ThreadPool(threadCount: 2)
        let model = try TargetModel(folder: source, pool: pool)
        try FeatureDump.write(tokens, model: model, to: folder.file("out.safetensors"), on: pool)
        let (written, expected) = (
            try Fixtures.tensors(folder.file("out.safetensors")), try Fixtures.tensors(source + "/expected.safetensors")
        )
        for (name, reference) in [("hidden", "final_hidden"), ("logits", "logits")] {
            let whole = try #require(expected[reference])
            let time = tokens.count
            let row = Tensor((time..<2 * time).flatMap { whole.row($0) }, [time, whole.width])
            // The tolerance of the fixtures: float32 sums in another order.
            expectClose(try #require(written[name]), row, absolute: 2e-4, name)
        }
        #expect(try Fixtures.integers(folder.file("out.safetensors"))["input_ids"] == tokens.map(Int64.init))
    }

    @Test func `tokens that are none are refused by name`() throws {
        #expect(try TokenInput.list("1, 2,3", option: "--tokens") == [1, 2, 3])
        for text in ["", "1,,2", "1,x", "-1", "99999999999"] {
            #expect(throws: FileError.self) { try TokenInput.list(text, option: "--tokens") }
        }
        let path = Fixtures.path("targets/llama_gqa/expected.safetensors")
        #expect(throws: FileError.self) { try TokenInput.file(path, row: nil) }
        #expect(throws: FileError.self) { try TokenInput.file(path, row: 2) }
    }

    @Test func `a drawing shows every node once`() throws {
        let tree = try TokenTree.select("medium", blockSize: 2)
        let drawn = TreeDrawing.lines(tree).filter { $0.contains("─ rank") }
        #expect(drawn.count == tree.nodes.count)
        #expect(drawn.filter { $0.hasPrefix("├") || $0.hasPrefix("└") }.count == tree.nodes.count { $0.depth == 1 })
    }

    @Test func `a mask marks answers, and the shift by k and 1 is counted`() throws {
        let tokenizer = try Tokenizer(folder: Fixtures.path("tokenizers/qwen2"))
        let template = try ChatTemplate.style("chatml")
        let messages = [
            ChatMessage(role: .user, content: "Hello"), ChatMessage(role: .assistant, content: "Good day to you"),
        ]
        let mask = try MaskInspection(
            Dialogue(id: "one", messages: messages), template: template, tokenizer: tokenizer, blockSize: 2)
        #expect(mask.findings.isEmpty, "\(mask.findings)")
        #expect(mask.text(forTerminal: false).contains("⟦Good day to you<|im_end|>⟧"))
        #expect(mask.countedPositions == mask.lossMask.count { $0 == 1 })
        let silent = try MaskInspection(
            Dialogue(id: "two", messages: [messages[0]]), template: template, tokenizer: tokenizer, blockSize: 2)
        #expect(silent.findings.problemCount > 0)
    }
}
