import FalconAutograd
import FalconDraft
import FalconNN
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@testable import FalconTraining

/// Switches that are not of the paper: off by default, and each what it says.
@Suite struct RecipeSwitchTests {
    private let pool = ThreadPool(threadCount: 2)

    @Test func `all are off by default`() throws {
        let recipe = try Recipe(toml: "", source: "test")
        #expect(!recipe.data.randomPhase && !recipe.draft.balancedStart)
        #expect(recipe.loss.softLoss == .divergence && recipe.loss.divergenceShare == 0)
        #expect(recipe.loss.offsetDecay == 0 && recipe.schedule.warmupShare == 0 && recipe.noise.selfFed == 0)
        let example = try DraftExample(sequences: 12, pool: pool)
        #expect(
            try example.task(try example.recipe()).random.keys.sorted() == ["dropout", "glance", "labels", "noise"])
    }

    // MARK: loss.offset_decay

    /// The gradient of the summed loss over some rows, and what the rows gave.
    private func learn(
        _ network: DraftNetwork, _ example: DraftExample, _ batch: TrainingBatch, rows: [Int], decay: Double,
        hardLabel: LossSection.HardLabel = .argmax
    ) throws -> (gradients: [Tensor?], result: DraftLoss.Result) {
        var section = LossSection()
        (section.offsetDecay, section.distillWeight, section.hardLabel) = (decay, 1, hardLabel)
        let passes = GlancingPasses(
            network: network, loss: DraftLoss(recipe: section), weight: example.target.head, pool: pool)
        var (dropout, labels) = (RowSources(shared: RandomSource(seed: 0)), RandomSource(seed: 0))
        let (backward, result, _) = passes.second(
            batch, rows: rows, first: passes.first(batch, features: passes.features(of: batch)),
            dataTokens: batch.dataTokens(at: rows), dropoutRate: 0,
            dropout: &dropout, labels: &labels)
        var gradients = ParameterGradients(noneFor: network.parameters)
        gradients.add(try #require(backward))
        return ((0..<gradients.count).map { gradients[$0] }, result)
    }

    private func batch(_ example: DraftExample, k: Int) throws -> TrainingBatch {
        let store = try FeatureStore(folder: example.shards)
        return TrainingBatch(
            try store.batch([0, 1, 2], on: pool), blockSize: k, maskShift: .target, maxLength: 64)
    }

    @Test(arguments: [(2, "lstm"), (3, "gated"), (4, "linear")])
    func `weights by offset weigh each offset's gradient, and it is that of the weighted loss`(
        k: Int, fusion: String
    ) throws {
        let example = try DraftExample(sequences: 12, pool: pool)
        let network = try example.task(
            try example.recipe(["draft.block_size=\(k)", "draft.fusion=\(fusion)"])
        ).network
        let batch = try batch(example, k: k)
        let rows = batch.countingRows()
        let decay = 1.5
        func weight(_ row: Int) -> Double { exp(-Double(row % batch.time % k) / decay) }

        let whole = try learn(network, example, batch, rows: rows, decay: decay)
        var sum = whole.gradients.map { $0.map { Tensor(zeros: $0.shape) } }
        for offset in 0..<k {
            let own = rows.filter { $0 % batch.time % k == offset }
            let part = try learn(network, example, batch, rows: own, decay: 0)
            for (index, gradient) in part.gradients.enumerated() {
                guard let gradient, let before = sum[index] else { continue }
                let factor = Float(weight(own[0]))
                sum[index] = Tensor(zip(before.scalars, gradient.scalars).map { $0 + factor * $1 }, before.shape)
            }
            // Each row's own figures are not weighted.
            for (row, loss) in zip(own, part.result.rowLosses) {
                let place = try #require(rows.firstIndex(of: row))
                #expect(abs(whole.result.rowLosses[place] - loss) < 1e-5 + 1e-5 * abs(loss))
            }
        }
        for (found, expected) in zip(whole.gradients, sum) {
            guard let found, let expected else { continue }
            expectClose(found, expected, absolute: 2e-5, relative: 1e-4)
        }

        // Along the gradient the weighted loss rises by its square.
        func weighted() throws -> Double {
            let result = try learn(network, example, batch, rows: rows, decay: decay).result
            return zip(rows, result.rowLosses).reduce(0) { $0 + weight($1.0) * $1.1 }
        }
        let square = whole.gradients.reduce(0.0) { $0 + ($1?.scalars.reduce(0.0) { $0 + Double($1 * $1) } ?? 0) }
        let step = 0.01 / square.squareRoot()
        func move(by factor: Double) {
            for (parameter, gradient) in zip(network.parameters.trainable, whole.gradients) {
                guard let gradient else { continue }
                parameter.value = Tensor(
                    zip(parameter.value.scalars, gradient.scalars).map { $0 + Float(factor) * $1 }, parameter.shape)
            }
        }
        move(by: step)
        let above = try weighted()
        move(by: -2 * step)
        let below = try weighted()
        let slope = (above - below) / (2 * step)
        #expect(abs(slope / square - 1) < 0.02, "\(slope), \(square)")
    }

    @Test func `a very slow decay is none, and a fast one trains the first offset alone`() throws {
        let example = try DraftExample(sequences: 12, pool: pool)
        let network = try example.task(try example.recipe()).network
        let batch = try batch(example, k: 2)
        let rows = batch.countingRows()
        let plain = try learn(network, example, batch, rows: rows, decay: 0)
        let slow = try learn(network, example, batch, rows: rows, decay: 1e6)
        let fast = try learn(network, example, batch, rows: rows, decay: 0.01)
        let first = try learn(network, example, batch, rows: rows.filter { $0 % batch.time % 2 == 0 }, decay: 0)
        for index in plain.gradients.indices {
            if let found = slow.gradients[index], let expected = plain.gradients[index] {
                expectClose(found, expected, absolute: 2e-4, relative: 1e-4)
            }
            if let found = fast.gradients[index], let expected = first.gradients[index] {
                expectClose(found, expected, absolute: 1e-5, relative: 1e-5)
            }
        }
        #expect(slow.result.ranks == plain.result.ranks)
    }

    @Test(arguments: ["exact", "stored"]) func `a run with weights by offset learns and resumes bit by bit`(
        teacher: String
    ) throws {
        let example = try DraftExample(sequences: 40, teacherEntries: 16, pool: pool)
        let settings = ["loss.offset_decay=2.0", "training.max_steps=8", "loss.teacher=\(teacher)"]
        try example.expectResumes(try example.recipe(settings + ["training.checkpoint_every_steps=3"]))
    }

    // MARK: glance.shows_truth

    @Test func `without shown truth the chosen rows leave the loss and inputs stay as they are`() throws {
        let example = try DraftExample(sequences: 20, pool: pool)
        let settings = ["draft.dropout=0.0", "noise.kind=none", "glance.lambda=1.0", "glance.schedule=constant"]
        let progress = TrainingProgress(epoch: 0, epochs: 2, step: 0, totalSteps: 4)
        func outcome(_ more: String...) throws -> BatchOutcome {
            try example.task(try example.recipe(settings + more)).trainBatch(0, progress: progress)
        }
        let (shown, kept) = (try outcome(), try outcome("glance.shows_truth=false"))
        let plain = try outcome("glance.enabled=false")
        // The same rows, chosen by the same draw; but where nothing is replaced each row's loss is plain training's.
        #expect(shown.weight == kept.weight && kept.weight < plain.weight)
        #expect(shown.loss != kept.loss)
        let total = kept.loss * kept.weight
        let left = try #require(kept.metrics.record.number("glanced_loss"))
        #expect(total < plain.loss * plain.weight && left > 0)
    }

    // MARK: loss.soft_loss

    @Test(arguments: ["exact", "stored"], ["total_variation", "acceptance"])
    func `a run by acceptance learns and resumes bit by bit`(teacher: String, loss: String) throws {
        let example = try DraftExample(sequences: 40, teacherEntries: 16, pool: pool)
        let settings = [
            "loss.soft_loss=\(loss)", "loss.divergence_share=0.25", "training.max_steps=8", "loss.teacher=\(teacher)",
        ]
        try example.expectResumes(try example.recipe(settings + ["training.checkpoint_every_steps=3"]))
    }

    // MARK: data.random_phase

    @Test func `a sequence without its first tokens is the rest of it`() throws {
        let example = try DraftExample(sequences: 3, teacherEntries: 4, pool: pool)
        let whole = try FeatureStore(folder: example.shards).sequence(at: 1)
        #expect(whole.droppingFirst(0) == whole)
        let rest = whole.droppingFirst(3)
        #expect(rest.tokens == Array(whole.tokens[3...]) && rest.lossMask == Array(whole.lossMask[3...]))
        #expect(rest.features == whole.features.rows(3..<whole.length) && rest.id == whole.id)
        let statistics = try #require(whole.statistics)
        #expect(rest.statistics == .gather((3..<whole.length).map { (statistics, $0) }))
        // One token is left at least.
        #expect(whole.droppingFirst(1000).tokens == [whole.tokens[whole.length - 1]])
    }

    @Test(arguments: [2, 3]) func `in random phases a run meets every offset and resumes bit by bit`(k: Int) throws {
        let example = try DraftExample(sequences: 40, teacherEntries: 16, pool: pool)
        let recipe = try example.recipe([
            "data.random_phase=true", "draft.block_size=\(k)", "training.max_steps=8", "loss.teacher=stored",
            "training.checkpoint_every_steps=3",
        ])
        try example.expectResumes(recipe)
        // The same batch of another epoch is cut elsewhere: its tokens differ in number.
        let task = try example.task(recipe)
        var tokens: Set<Int> = []
        for epoch in 0..<12 {
            let progress = TrainingProgress(epoch: epoch, epochs: 12, step: 0, totalSteps: 1)
            var sum = 0
            for index in 0..<task.batchCount(epoch: epoch) {
                sum += try task.trainBatch(index, progress: progress).tokens
            }
            tokens.insert(sum)
        }
        #expect(tokens.count > 1)
        #expect(task.random["phase"] != nil)
    }

    // MARK: draft.balanced_start

    @Test(arguments: ["lstm", "gated", "linear"]) func `a balanced start scales the embedding's half alone`(
        fusion: String
    ) throws {
        let example = try DraftExample(sequences: 20, pool: pool)
        let plain = try example.task(try example.recipe(["draft.fusion=\(fusion)"]))
        var lines: [String] = []
        let recipe = try example.recipe(["draft.fusion=\(fusion)", "draft.balanced_start=true"])
        let store = try FeatureStore(folder: example.shards)
        let task = try DraftTraining(
            recipe: recipe, target: example.target, tokenizer: "tokenizer", source: store, pool: pool,
            log: { lines.append($0) })
        // The features are halves of the head's rows, of size 1 in the mean, as are the embeddings.
        let (training, _) = store.split(validationFraction: 0.2)
        let balance = FusionBalance(
            features: try training.prefix(8).map { try store.sequence(at: $0).features },
            embedding: example.target.embedding)
        #expect(balance.ratio > 0.3 && balance.ratio < 0.8)
        #expect(lines.contains(balance.summary))
        let name = fusion == "linear" ? "fc.weight" : "lstm.weight_ih_l0"
        for (before, after) in zip(plain.parameters.trainable, task.parameters.trainable) {
            guard before.name == name else {
                #expect(before.value == after.value, "\(before.name)")
                continue
            }
            let width = before.shape[1]
            let expected = before.value.scalars.enumerated().map { index, value in
                index % width < DraftExample.hidden ? value * Float(balance.ratio) : value
            }
            #expect(after.value.scalars == expected)
        }
        try example.train(recipe, example.temporary.file("run"))
    }

    @Test func `a head that is started from keeps its weights, and zeros balance nothing`() throws {
        let example = try DraftExample(sequences: 20, pool: pool)
        let run = example.temporary.file("run")
        try example.train(try example.recipe(["training.max_steps=2"]), run)
        let settings = ["draft.init_from=\(run)"]
        let plain = try example.task(try example.recipe(settings))
        let balanced = try example.task(try example.recipe(settings + ["draft.balanced_start=true"]))
        #expect(plain.parameters.trainable.map(\.value) == balanced.parameters.trainable.map(\.value))
        let nothing = FusionBalance(
            features: [Tensor(zeros: [3, 4])], embedding: StoredMatrix(Tensor(zeros: [5, 4])))
        #expect(nothing.ratio == 1)
    }

    @Test func `a head with the newest pair learns, resumes bit by bit and is no head without it`() throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let recipe = try example.recipe([
            "draft.newest_pair=true", "draft.fusion=linear", "glance.enabled=false", "training.max_steps=12",
        ])
        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        try example.train(recipe, whole)
        try example.train(recipe, parts, stopAfter: 5)
        try example.train(recipe, parts, resume: true)
        let last = "/" + RunFolder.name(step: try #require(RunFolder(path: whole).steps().last))
        let bytes = try [whole, parts].map { folder in
            try Data(contentsOf: URL(fileURLWithPath: folder + last + "/model.safetensors"))
        }
        #expect(bytes[0] == bytes[1])
        let offsets = try WeightFolder(path: whole + last).tensor("offsets")
        #expect(offsets.shape == [2, DraftExample.hidden] && offsets.scalars.contains { $0 != 0 })
        for (setting, words) in [
            ("draft.newest_pair=false", "draft.newest_pair"), ("draft.block_size=3", "draft.block_size"),
        ] {
            let other = try example.recipe([
                "draft.newest_pair=true", "draft.fusion=linear", "glance.enabled=false",
                "draft.init_from=\(whole + last)",
                setting,
            ])
            let error = #expect(throws: FileError.self) { _ = try example.task(other) }
            #expect(error?.problem.contains(words) == true)
        }
    }

    @Test func `a correction is added to a head that had none, learns, resumes bit by bit and stays its own`() throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let common = ["draft.newest_pair=true", "draft.fusion=linear", "glance.enabled=false", "noise.self_fed=0.25"]
        let plain = example.temporary.file("plain")
        try example.train(try example.recipe(common + ["training.max_steps=3"]), plain)
        let from = common + ["draft.init_from=\(plain)", "draft.correction_rank=4"]
        let begun = try example.task(try example.recipe(from))
        let before = try example.task(try example.recipe(common + ["draft.init_from=\(plain)"]))
        func value(_ task: DraftTraining, _ name: String) -> Tensor? {
            task.parameters.all.first { $0.name == name }?.value
        }
        #expect(value(begun, "fc.weight") == value(before, "fc.weight"))
        #expect(value(begun, "correction.output.weight")?.scalars.allSatisfy { $0 == 0 } == true)
        #expect(value(begun, "correction.token.weight")?.scalars.contains { $0 != 0 } == true)

        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        let recipe = try example.recipe(from + ["training.max_steps=12"])
        try example.train(recipe, whole)
        try example.train(recipe, parts, stopAfter: 5)
        try example.train(recipe, parts, resume: true)
        let last = "/" + RunFolder.name(step: try #require(RunFolder(path: whole).steps().last))
        let bytes = try [whole, parts].map { folder in
            try Data(contentsOf: URL(fileURLWithPath: folder + last + "/model.safetensors"))
        }
        #expect(bytes[0] == bytes[1])
        let learned = try WeightFolder(path: whole + last).tensor("correction.output.weight")
        #expect(learned.shape == [DraftExample.hidden, 4] && learned.scalars.contains { $0 != 0 })
        for rank in [0, 8] {
            let other = try example.recipe(
                common + ["draft.init_from=\(whole + last)", "draft.correction_rank=\(rank)"])
            let error = #expect(throws: FileError.self) { _ = try example.task(other) }
            #expect(error?.problem.contains("draft.correction_rank") == true)
        }
    }
}
