import FalconDraft
import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@testable import FalconTraining

/// `draft.init_from`: fine-tuning a head that exists.
@Suite struct DraftStartTests {
    private let pool = ThreadPool(threadCount: 2)

    private func parameters(_ network: DraftNetwork) -> [String: Tensor] {
        Dictionary(uniqueKeysWithValues: network.parameters.trainable.map { ($0.name, $0.value) })
    }

    private func started(_ example: DraftExample, _ settings: [String], _ lines: inout [String]) throws -> DraftNetwork
    {
        var heard: [String] = []
        let network = try DraftNetwork(recipe: example.recipe(settings), target: example.target) { heard.append($0) }
        lines += heard
        return network
    }

    private func problem(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "none"
        } catch { return "\(error)" }
    }

    @Test func `a run gives its best checkpoint, and training goes on from its weights`() throws {
        let example = try DraftExample(pool: pool)
        let run = example.temporary.file("run")
        let settings = ["training.max_steps=20", "draft.dropout=0"]
        let first = try example.train(try example.recipe(settings), run)
        var lines: [String] = []
        let network = try started(example, ["draft.init_from=\(run)"], &lines)
        let best = try String(contentsOfFile: run + "/best", encoding: .utf8).split(separator: "\n")[0]
        #expect(lines == ["starts from \(run)/\(best)"])
        #expect(parameters(network) == parameters(try DraftNetwork(folder: run + "/\(best)")))
        // Fine-tuning begins where the run was good already.
        let tuned = try example.train(
            try example.recipe(settings + ["draft.init_from=\(run)", "optimizer.learning_rate=1e-4"]),
            example.temporary.file("tuned"))
        #expect(try #require(tuned.first?.number("loss")) < 0.8 * #require(first.first?.number("loss")))
    }

    @Test func `a head in the authors' layout, in PyTorch's format, is taken on`() throws {
        let example = try DraftExample(pool: pool)
        var configuration = DraftConfiguration(
            target: example.target.configuration, blockSize: 2, fusion: .gated)
        // Sizes of its own, as published heads may have.
        configuration.model.intermediateSize = 40
        let original = try DraftNetwork(
            configuration, .random(RandomSource(seed: 9)), embedding: example.target.embedding)
        let folder = example.temporary.file("published")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var document = configuration.document
        document["fusion"] = nil
        try AtomicFile.write(folder + "/config.json", text: JSONValue.object(document).text(isPretty: true))
        try TorchCheckpointWriter.write(
            folder + "/pytorch_model.bin",
            tensors: [("embed_tokens.weight", example.target.embedding.tensor())] + original.parameters.tensors,
            as: .float32)

        var lines: [String] = []
        let network = try started(example, ["draft.init_from=\(folder)", "draft.fusion=gated"], &lines)
        #expect(parameters(network) == parameters(original) && lines == ["starts from \(folder)"])
        let recipe = try example.recipe([
            "draft.init_from=\(folder)", "draft.fusion=gated", "training.max_steps=2", "evaluation.dialogues=2",
        ])
        try example.train(recipe, example.temporary.file("run"))
        let trained = try DraftNetwork(folder: example.temporary.file("run") + "/step-000002")
        #expect(trained.configuration.model.intermediateSize == 40)

        lines = []
        _ = try started(example, ["draft.init_from=\(folder)", "draft.block_size=3"], &lines)
        #expect(
            lines == [
                "starts from \(folder) (block size 2, trained on with 3; fusion gated, trained on as lstm)"
            ])
    }

    @Test func `a new head may start with biases that look ahead, and keeps what it has learnt of them`() throws {
        let example = try DraftExample(pool: pool)
        var lines: [String] = []
        let plain = try started(example, [], &lines)
        #expect(plain.parameters["layers.0.self_attn.q_proj.bias"] == nil)
        let run = example.temporary.file("run")
        let settings = ["draft.look_ahead=true", "training.max_steps=4"]
        let network = try started(example, settings, &lines)
        let bias = try #require(network.parameters["layers.0.self_attn.q_proj.bias"])
        #expect(network.configuration.model.plan.hasAttentionBias && bias.value.scalars.contains { $0 != 0 })
        #expect(lines.isEmpty)
        try example.train(try example.recipe(settings), run)
        let trained = try started(example, settings + ["draft.init_from=\(run)"], &lines)
        #expect(trained.parameters["layers.0.self_attn.q_proj.bias"]?.value != bias.value)
        #expect(lines.count == 1 && lines[0].contains("draft.look_ahead is for new heads"))
    }

    @Test func `a head that does not fit is refused in one line`() throws {
        let example = try DraftExample(sequences: 10, pool: pool)
        let folder = example.temporary.file("head")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var unused: [String] = []
        #expect(
            problem { _ = try started(example, ["draft.init_from=\(folder)"], &unused) }.contains("config.json"))
        var target = example.target.configuration
        target.hiddenSize = 48
        // Some weights, so that the folder is one of a head; they are not looked at before the sizes.
        try SafetensorsWriter.write(
            folder + "/model.safetensors", tensors: [("lstm.weight_ih_l0", Tensor(zeros: [1]))])
        let wide = DraftConfiguration(target: target, blockSize: 2)
        try wide.write(folder: folder)
        let refused = problem { _ = try started(example, ["draft.init_from=\(folder)"], &unused) }
        #expect(refused.contains("hidden_size is 48, the target's is 24") && !refused.contains("\n"), "\(refused)")
        try DraftConfiguration(target: example.target.configuration, blockSize: 2, layerCount: 2).write(folder: folder)
        #expect(
            problem { _ = try started(example, ["draft.init_from=\(folder)"], &unused) }
                .contains("set draft.layers to 2"))
    }
}
