import FalconDraft
import FalconInspection
import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct DraftInspectionTests {
    /// A copy of a fixture's head whose recurrent weights are replaced by `recurrent`, in its own configuration.
    private func head(fusion: String?, recurrent: (_ shape: [Int]) -> Tensor) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("drafter/k2_mha")
        var object = try #require(JSONValue(path: source + "/config.json").object)
        object["fusion"] = fusion.map { .string($0) }
        try folder.write(JSONValue.object(object).text(), to: "config.json")
        let weights = try WeightFolder(path: source)
        let tensors = try weights.names.map { name in
            let tensor = try weights.tensor(name)
            return (name: name, tensor: name.contains("weight_hh") ? recurrent(tensor.shape) : tensor)
        }
        try SafetensorsWriter.write(folder.file("model.safetensors"), tensors: tensors)
        return folder
    }

    private func asPyTorchInitializes(_ shape: [Int]) -> Tensor {
        var random = RandomSource(seed: 7)
        let bound = 1 / Float(shape[1]).squareRoot()
        return Tensor(uniform: -bound...bound, shape, from: &random)
    }

    private func asTrained(_ shape: [Int]) -> Tensor {
        var random = RandomSource(seed: 7)
        return Tensor(normal: 0.1, shape, from: &random)
    }

    @Test func `recurrent weights as initialised tell that a head is gated`() throws {
        let gated = try head(fusion: nil, recurrent: asPyTorchInitializes)
        let inspection = try DraftInspection(folder: gated.path, fusion: nil, target: nil)
        #expect(inspection.fusion == "gated")
        #expect(inspection.findings.problemCount == 0, "\(inspection.findings)")
        #expect(inspection.findings.contains { $0.text.contains("as initialised") })
        let wrong = try DraftInspection(folder: gated.path, fusion: .lstm, target: nil)
        #expect(wrong.findings.contains { $0.severity == .problem && $0.text.contains("--fusion gated") })
    }

    @Test func `trained recurrent weights tell that a head recurs`() throws {
        let trained = try head(fusion: "lstm", recurrent: asTrained)
        #expect(try DraftInspection(folder: trained.path, fusion: nil, target: nil).findings.problemCount == 0)
        let unnamed = try head(fusion: nil, recurrent: asTrained)
        let findings = try DraftInspection(folder: unnamed.path, fusion: nil, target: nil).findings
        #expect(findings.contains { $0.severity == .problem && $0.text.contains("--fusion lstm") })
    }

    @Test func `a head of another fusion lacks tensors and has others`() throws {
        let folder = Fixtures.path("drafter/k2_mha")
        let findings = try DraftInspection(folder: folder, fusion: .linear, target: nil).findings
        #expect(findings.contains { $0.text.contains("'fc.weight'") && $0.text.contains("missing") })
        #expect(findings.contains { $0.text.contains("'lstm.weight_ih_l0' has no place") })
    }

    @Test func `a head of another block size than expected is a problem`() throws {
        let folder = Fixtures.path("drafter/k3_gqa")
        let findings = try DraftInspection(folder: folder, fusion: .lstm, blockSize: 2, target: nil).findings
        #expect(findings.contains { $0.severity == .problem && $0.text.contains("k_mask is 3, not 2") })
    }

    @Test func `a head of another target is found out by its sizes`() throws {
        let findings = try DraftInspection(
            folder: Fixtures.path("drafter/k2_mha"), fusion: nil, target: Fixtures.path("targets/llama_gqa")
        ).findings
        #expect(findings.contains { $0.text.contains("hidden_size is 32, the target's is 48") })
    }

    @Test(arguments: ["k2_mha", "k3_gqa", "k4_gqa_2layers", "k2_qkvbias", "k2_linear_rope"])
    func `a run over a file gives what the authors' code gives`(name: String) throws {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("drafter/" + name)
        let tensors = try Fixtures.tensors(source + "/io.safetensors")
        let integers = try Fixtures.integers(source + "/io.safetensors")
        let features = try #require(tensors["bn.hidden_states"])
        let shape = Array(features.shape.prefix(2))
        try SafetensorsWriter.write(
            folder.file("in.safetensors"), tensors: [("hidden_states", features)],
            integers: try ["input_ids", "attention_mask"].map { ($0, try #require(integers["bn." + $0]), shape) })
        for (fusion, reference) in [(FusionKind.gated, "per_position"), (.lstm, "over_time")] {
            try DraftRun.run(
                folder: source, fusion: fusion, target: nil, input: folder.file("in.safetensors"),
                output: folder.file("out.safetensors"), on: ThreadPool(threadCount: 2))
            let output = try #require(Fixtures.tensors(folder.file("out.safetensors"))["draft_hidden"])
            // The tolerance of the fixtures.
            expectClose(output, try #require(tensors["bn.out." + reference]), absolute: 5e-5, "\(name) \(fusion)")
        }
    }

    @Test func `a padded row must be padded on the right`() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(
            folder.file("in.safetensors"), tensors: [("hidden_states", Tensor(zeros: [1, 3, 32]))],
            integers: [("input_ids", [1, 2, 3], [1, 3]), ("attention_mask", [0, 1, 1], [1, 3])])
        let error = try #require(throws: FileError.self) {
            try DraftRun.run(
                folder: Fixtures.path("drafter/k2_mha"), fusion: nil, target: nil, input: folder.file("in.safetensors"),
                output: folder.file("out.safetensors"), on: ThreadPool(threadCount: 1))
        }
        #expect(error.problem.contains("attention_mask"))
    }
}
