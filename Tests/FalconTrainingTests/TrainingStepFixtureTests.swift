import FalconDraft
import FalconNN
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@testable import FalconTraining

/// Whole steps of the authors' training code: first pass, replacement, second pass, loss, clipping, AdamW, warm-up.
@Suite struct TrainingStepFixtureTests {
    private struct Case: Decodable {
        struct Step: Decodable {
            let lr_used, vloss, loss_soft, loss_hard, loss: Double
            let num_mask, num_same: Int
            let positions: [Int]
        }
        let k, warmup_steps, total_steps: Int
        let lstm: String
        let lr, eps, weight_decay, grad_clip_value, v_w, p_w, T: Double
        let betas: [Double]
        let steps: [Step]
    }

    @Test(arguments: ["k2_over_batch", "k3_over_time"])
    func `losses, gradients and weights agree with the reference's`(name: String) throws {
        let pool = ThreadPool(threadCount: 2)
        let folder = Fixtures.path("csgd/\(name)")
        let example = try JSONDecoder().decode(
            Case.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/case.json")))
        let tensors = try Fixtures.tensors(folder + "/case.safetensors")
        let integers = try Fixtures.integers(folder + "/case.safetensors")
        let head = try #require(tensors["head.weight"])
        // A batch of one makes the recurrence over the batch a step from zero: the gated fusion.
        let network = try DraftNetwork(folder: folder, fusion: example.lstm == "over_time" ? .lstm : .gated)
        var section = LossSection()
        section.featureWeight = example.v_w
        section.distillWeight = example.p_w
        section.temperature = example.T
        section.hardLabel = .data
        let passes = GlancingPasses(
            network: network, loss: DraftLoss(recipe: section), weight: StoredMatrix(head), pool: pool)
        var optimizer = AdamW(
            network.parameters,
            AdamW.Configuration(
                betas: (example.betas[0], example.betas[1]), epsilon: example.eps, weightDecay: example.weight_decay))
        let schedule = LearningRateSchedule(
            .linear, baseRate: example.lr, warmupSteps: example.warmup_steps, totalSteps: example.total_steps)

        for (number, step) in example.steps.enumerated() {
            func whole(_ name: String) throws -> [Int64] { try #require(integers["step\(number).\(name)"]) }
            let batch = TrainingBatch(
                [
                    FeatureSequence(
                        id: "s", tokens: try whole("sample.input_ids").map { Int32($0) },
                        lossMask: try whole("sample.loss_mask").map { UInt8($0) },
                        features: try #require(tensors["step\(number).sample.hidden_state"]))
                ], blockSize: example.k, maskShift: .authors, maxLength: 2048)
            let first = passes.first(batch, features: passes.features(of: batch))
            #expect(first.rows.count == step.num_mask)
            #expect(first.wrong == [step.num_mask - step.num_same])
            let (drafted, truth) = (try whole("draft_token_first_pass"), try whole("target_token"))
            #expect(first.drafted == first.rows.map { Int32(drafted[$0]) })
            #expect(first.truth == first.rows.map { Int32(truth[$0]) })

            let shown = batch.glancing([GlancePlan(positions: step.positions)])
            #expect(shown.features == tensors["step\(number).new_hidden_states"])
            #expect(shown.nextTokens == [try whole("new_input_ids").map { Int32($0) }])

            let hard = try whole("hard_tokens")
            var (dropout, labels) = (RowSources(shared: RandomSource(seed: 0)), RandomSource(seed: 0))
            let (found, result, _) = passes.second(
                shown, rows: first.rows, dataTokens: first.rows.map { Int32(hard[$0]) }, dropoutRate: 0,
                dropout: &dropout, labels: &labels)
            let count = Double(first.rows.count)
            for (ours, theirs, part) in [
                (result.feature, step.vloss, "feature"), (result.soft, step.loss_soft, "soft"),
                (result.hard, step.loss_hard, "hard"), (result.total, step.loss, "total"),
            ] {
                #expect(abs(ours / count - theirs) < 2e-5 + 2e-5 * abs(theirs), "\(part) loss of step \(number)")
            }
            var gradients = ParameterGradients(noneFor: network.parameters)
            gradients.add(try #require(found))
            gradients.scale(by: Float(1 / count))
            gradients.clip(toValue: Float(example.grad_clip_value))
            if number == 0 {
                for (parameter, gradient) in zip(network.parameters.trainable, gradients.tensors) {
                    expectClose(
                        gradient, try #require(tensors["step0.clipped_grad.\(parameter.name)"]), absolute: 1e-4,
                        "gradient of \(parameter.name)")
                }
            }
            let rate = schedule.rate(at: number)
            #expect(abs(rate - step.lr_used) < 1e-12)
            optimizer.step(network.parameters, gradients, learningRate: rate, on: pool)
        }
        for parameter in network.parameters.trainable {
            expectClose(
                parameter.value, try #require(tensors["final.\(parameter.name)"]), absolute: 2e-5, parameter.name)
        }
    }
}
