import FalconDraft
import FalconJSON
import FalconNN
import FalconShards
import FalconTensor
import FalconTestSupport

@testable import FalconTraining

extension FixtureFamily {
    /// Whole steps of the authors' training code: first pass, replacement, second pass, loss, clipping, AdamW, warm-up.
    static let csgd = FixtureFamily(name: "csgd") { folder in
        try FixtureFolder(path: folder + "/csgd").folders(with: "case.json").map { test in
            FixtureJob(test.name) { try compare(test, &$0) }
        }
    }

    private static func compare(_ folder: FixtureFolder, _ comparison: inout Comparison) throws {
        let (test, golden) = (try folder.json("case.json"), try folder.tensors("case.safetensors"))
        func number(_ key: String) -> Double { test[key]?.double ?? .nan }
        let pool = ThreadPool(threadCount: 1)
        // A batch of one makes the recurrence over the batch a step from zero: the gated fusion.
        let network = try DraftNetwork(
            folder: folder.path, fusion: test["lstm"]?.string == "over_time" ? .lstm : .gated)
        var section = LossSection()
        (section.featureWeight, section.distillWeight) = (number("v_w"), number("p_w"))
        section.temperature = number("T")
        section.hardLabel = .data
        let passes = GlancingPasses(
            network: network,
            loss: DraftLoss(recipe: section), weight: StoredMatrix(try golden.real("head.weight")), pool: pool)
        let betas = (test["betas"]?.array ?? []).compactMap(\.double)
        var optimizer = AdamW(
            network.parameters,
            .init(betas: (betas[0], betas[1]), epsilon: number("eps"), weightDecay: number("weight_decay")))
        let schedule = LearningRateSchedule(
            .linear, baseRate: number("lr"), warmupSteps: test["warmup_steps"]?.integer ?? 0,
            totalSteps: test["total_steps"]?.integer ?? 0)

        for (index, step) in (test["steps"]?.array ?? []).enumerated() {
            let prefix = "step\(index)."
            let batch = TrainingBatch(
                [
                    FeatureSequence(
                        id: "s", tokens: try golden.tokens(prefix + "sample.input_ids"),
                        lossMask: try golden.whole(prefix + "sample.loss_mask").map { UInt8($0) },
                        features: try golden.real(prefix + "sample.hidden_state"))
                ], blockSize: test["k"]?.integer ?? 0, maskShift: .authors, maxLength: 2048)
            let first = passes.first(batch, features: passes.features(of: batch))
            let counted = step["num_mask"]?.integer ?? -1
            comparison.equal(first.rows.count, counted, prefix + "num_mask")
            comparison.equal(first.wrong, [counted - (step["num_same"]?.integer ?? 0)], prefix + "wrong positions")
            for (found, name) in [(first.drafted, "draft_token_first_pass"), (first.truth, "target_token")] {
                let expected = try golden.tokens(prefix + name)
                comparison.equal(found, first.rows.map { expected[$0] }, prefix + name)
            }
            let positions = (step["positions"]?.array ?? []).compactMap(\.integer)
            let shown = batch.glancing([GlancePlan(positions: positions)])
            comparison.close(
                shown.features, try golden.real(prefix + "new_hidden_states"), prefix + "new_hidden_states")
            comparison.equal(shown.nextTokens, [try golden.tokens(prefix + "new_input_ids")], prefix + "new_input_ids")

            let hard = try golden.tokens(prefix + "hard_tokens")
            var (dropout, labels) = (RowSources(shared: RandomSource(seed: 0)), RandomSource(seed: 0))
            let (found, result, _) = passes.second(
                shown, rows: first.rows, dataTokens: first.rows.map { hard[$0] }, dropoutRate: 0, dropout: &dropout,
                labels: &labels)
            let count = Double(first.rows.count)
            for (value, part) in [
                (result.feature, "vloss"), (result.soft, "loss_soft"), (result.hard, "loss_hard"),
                (result.total, "loss"),
            ] {
                comparison.close(
                    value / count, step[part]?.double ?? .nan, absolute: 2e-5, relative: 2e-5, prefix + part)
            }
            var gradients = ParameterGradients(noneFor: network.parameters)
            if let found { gradients.add(found) }
            gradients.scale(by: Float(1 / count))
            gradients.clip(toValue: Float(number("grad_clip_value")))
            for (parameter, gradient) in zip(network.parameters.trainable, gradients.tensors) {
                guard let expected = golden.reals[prefix + "clipped_grad." + parameter.name] else { continue }
                comparison.close(gradient, expected, absolute: 1e-4, prefix + "clipped_grad." + parameter.name)
            }
            let rate = schedule.rate(at: index)
            comparison.close(rate, step["lr_used"]?.double ?? .nan, absolute: 1e-12, prefix + "lr_used")
            optimizer.step(network.parameters, gradients, learningRate: rate, on: pool)
        }
        for parameter in network.parameters.trainable {
            comparison.close(
                parameter.value, golden.reals["final." + parameter.name], absolute: 2e-5, "final." + parameter.name)
        }
    }
}
