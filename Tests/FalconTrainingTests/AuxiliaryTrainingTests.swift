import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

/// `draft.auxiliary_layers`: states of the target's layers in training.
@Suite struct AuxiliaryTrainingTests {
    private let pool = ThreadPool(threadCount: 2)

    // MARK: what a position is fed

    /// A sequence whose features and states say where they are from.
    private func sequence(_ length: Int, hidden: Int = 3) -> FeatureSequence {
        let rows = (0..<length).flatMap { position in (0..<2 * hidden).map { Float(100 + 10 * position) + Float($0) } }
        return FeatureSequence(
            id: "\(length)", tokens: (0..<length).map { Int32($0) }, lossMask: [UInt8](repeating: 1, count: length),
            features: Tensor((0..<length * hidden).map { Float($0) }, [length, hidden]),
            auxiliary: AuxiliaryFeatures(layers: [2, 5], rows: Tensor(rows, [length, 2 * hidden])))
    }

    @Test func `states lie beside their features, padded with zeros, of the layers that are asked for`() throws {
        let sequences = [sequence(5), sequence(8)]
        let batch = TrainingBatch(sequences, blockSize: 2, maskShift: .target, maxLength: 7, layers: [5])
        let states = try #require(batch.states)
        #expect(states.shape == [2, 7, 3])
        for (row, length) in [5, 7].enumerated() {
            for position in 0..<7 {
                let expected: [Float] =
                    position < length ? [3, 4, 5].map { Float(100 + 10 * position) + $0 } : [0, 0, 0]
                #expect(states.row(row * 7 + position) == expected, "\(row) \(position)")
            }
        }
        #expect(TrainingBatch(sequences, blockSize: 2, maskShift: .target, maxLength: 7).states == nil)
        // Without its first tokens, a sequence is the rest.
        let rest = sequence(8).droppingFirst(3)
        #expect(rest.auxiliary?.rows == sequence(8).auxiliary?.rows.rows(3..<8))
    }

    @Test(arguments: [2, 3]) func `what is shown comes with the states of its own place, and self-fed blocks have none`(
        k: Int
    ) throws {
        let own = sequence(6 * k)
        let batch = TrainingBatch([own], blockSize: k, maskShift: .target, maxLength: 6 * k, layers: [2, 5])
        let predicted = Tensor(repeating: -1, batch.features.shape)
        let blocks = [SelfFedBlocks(starts: [2 * k])]
        // Block 1 is shown what block 2, which is fed by itself, would have read.
        let plan = GlancePlan(positions: [k])
        let fed = batch.selfFeeding(blocks, predicted: predicted).glancing([plan])
        let (found, stored) = (try #require(fed.states), try #require(batch.states))
        for position in 0..<6 * k {
            let expected: [Float]
            if position / k == 2 {
                expected = [Float](repeating: 0, count: 6)
            } else {
                expected = stored.row(position == k ? 2 * k : position)
            }
            #expect(found.row(position) == expected, "position \(position)")
        }
        #expect(fed.features.row(k) == batch.features.row(2 * k))
        // Noise is for features alone.
        var noisy = batch
        var random = RandomSource(seed: 1)
        noisy.add(FeatureNoise(kind: .uniform, halfWidth: 0.5), random: &random)
        #expect(noisy.states == batch.states && noisy.features != batch.features)
    }

    // MARK: runs

    @Test(arguments: ["lstm", "linear"]) func `a head with states learns what features alone do not say, and resumes`(
        fusion: String
    ) throws {
        let example = try DraftExample(sequences: 40, layers: [2, 5], pool: pool)
        let recipe = try example.recipe([
            "draft.auxiliary_layers=[2, 5]", "draft.fusion=\(fusion)", "training.max_steps=8", "noise.self_fed=0.3",
            "data.random_phase=true", "training.checkpoint_every_steps=3",
        ])
        let (whole, records) = try example.expectResumes(recipe)
        // Its weights moved from 0, and the checkpoint is a head that says so; held-out dialogues were replayed.
        let network = try DraftNetwork(folder: whole + "/step-000008")
        #expect(network.configuration.auxiliaryLayers == [2, 5])
        #expect(network.parameters[AuxiliaryInput.name]?.value.scalars.contains { $0 != 0 } == true)
        #expect(records.contains { $0.number("accept_length_tree") != nil })
    }

    @Test func `slices and threads change no bit`() throws {
        var weights: [[String: Tensor]] = []
        for threads in [1, 3] {
            let example = try DraftExample(sequences: 30, layers: [1, 2], pool: ThreadPool(threadCount: threads))
            let folder = example.temporary.file("run")
            try example.train(
                try example.recipe(["training.max_steps=4", "draft.auxiliary_layers=[2]", "training.slices=4"]), folder)
            weights.append(try Fixtures.tensors(folder + "/step-000004/model.safetensors"))
        }
        #expect(weights[0] == weights[1])
    }

    @Test func `states in the shards are of no account to a head that reads none`() throws {
        var weights: [[String: Tensor]] = []
        for layers in [[], [1, 4]] {
            let example = try DraftExample(sequences: 30, layers: layers, pool: pool)
            let folder = example.temporary.file("run")
            try example.train(try example.recipe(["training.max_steps=4"]), folder)
            weights.append(try Fixtures.tensors(folder + "/step-000004/model.safetensors"))
        }
        #expect(weights[0] == weights[1])
    }

    @Test func `a head without states goes on with them as it is`() throws {
        let example = try DraftExample(sequences: 30, layers: [2, 5], pool: pool)
        let (first, second) = (example.temporary.file("first"), example.temporary.file("second"))
        try example.train(try example.recipe(["training.max_steps=4"]), first)
        var lines: [String] = []
        let settings = ["draft.init_from=\(first)", "draft.auxiliary_layers=[2, 5]"]
        let network = try DraftNetwork(
            recipe: try example.recipe(settings), target: example.target, log: { lines.append($0) })
        #expect(lines.count == 1 && lines[0].contains("the layers 2,5 are added to its input"), "\(lines)")
        let before = try DraftNetwork(folder: first + "/step-000004")
        for parameter in before.parameters.trainable {
            #expect(network.parameters[parameter.name]?.value == parameter.value)
        }
        let sequences = try FeatureStore(folder: example.shards).batch([0, 1, 2], on: pool)
        let batch = TrainingBatch(sequences, blockSize: 2, maskShift: .target, maxLength: 64, layers: [2, 5])
        let found = network.features(
            batch.features, states: batch.states, nextTokens: batch.nextTokens, lengths: batch.lengths, on: pool)
        let expected = before.features(
            batch.features, nextTokens: batch.nextTokens, lengths: batch.lengths, on: pool)
        expectClose(found, expected, absolute: 1e-6, relative: 1e-6)

        try example.train(try example.recipe(settings + ["training.max_steps=2"]), second)
        func refusal(_ settings: [String]) throws -> String {
            let recipe = try example.recipe(settings)
            return "\(#expect(throws: FileError.self) { try example.task(recipe) }!)"
        }
        let other = try refusal(["draft.init_from=\(second)", "draft.auxiliary_layers=[2]"])
        #expect(other.contains("set draft.auxiliary_layers to [2, 5]"), "\(other)")
        #expect(try refusal(["draft.init_from=\(second)"]).contains("set draft.auxiliary_layers to [2, 5]"))
    }

    // MARK: refusals

    @Test func `layers that the features or the target have not are refused in one line`() throws {
        let plain = try DraftExample(sequences: 10, pool: pool)
        let other = try DraftExample(sequences: 10, layers: [2, 5], pool: pool)
        func line(_ example: DraftExample, _ layers: String) throws -> String {
            let recipe = try example.recipe(["draft.auxiliary_layers=\(layers)"])
            var line = ""
            do { _ = try example.task(recipe) } catch { line = "\(error)" }
            #expect(!line.contains("\n"))
            return line
        }
        #expect(try line(plain, "[1]").contains("falcon-gen-data --auxiliary-layers 1"))
        #expect(try line(other, "[2, 4]").contains("has hidden states of the layers 2,5"))
        #expect(try line(other, "[2, 6]").contains("names layer 6, but the target has 5"))
        #expect(try line(other, "[5]") == "")
    }

    @Test func `the recipe takes a list of layers, and is written as it was read`() throws {
        let recipe = try Recipe(toml: "[draft]\nauxiliary_layers = [2, 5]", source: "test")
        #expect(recipe.draft.auxiliaryLayers == [2, 5])
        #expect(try Recipe(toml: recipe.toml, source: "again") == recipe)
        let none = try Recipe(toml: "", source: "test")
        let written = try none.toml
        #expect(none.draft.auxiliaryLayers == [] && written.contains("auxiliary_layers = []"))
        for wrong in ["[5, 2]", "[2, 2]", "[0]", "2", "\"2,5\"", "[2.5]", "true"] {
            let error = #expect(throws: RecipeError.self) {
                try Recipe(toml: "[draft]\nauxiliary_layers = \(wrong)", source: "test")
            }
            #expect("\(try #require(error))".contains("draft.auxiliary_layers"), "\(wrong)")
        }
    }
}
