import FalconAutograd
import FalconDraft
import FalconNN
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Whole training steps (first pass, replacement, second pass, loss, clipping, AdamW, warm-up) against the authors'
/// statements run in torch. Which positions are shown the truth is given; choosing them is tested with the glancing.
@Suite struct TrainingStepTests {
    let pool = ThreadPool(threadCount: 2)

    struct Case: Decodable {
        var k: Int
        var lr: Double
        var warmup_steps: Int
        var total_steps: Int
        var grad_clip_value: Float
        var steps: [Step]

        struct Step: Decodable {
            var lr_used: Double
            var num_mask: Int
            var num_same: Int
            var positions: [Int]
            var vloss: Float
            var loss_soft: Float
            var loss_hard: Float
            var ploss: Float
            var loss: Float
        }
    }

    /// One sequence as the authors lay it out: h[i] and t[i+1] in, h[i+k] and t[i+k+1] asked for, zero past the end.
    struct Sample {
        var features: Tensor
        var nextTokens: [Int32]
        var target: Tensor
        var targetTokens: [Int32]
        var counting: [Int]

        init(features raw: Tensor, tokens: [Int64], lossMask: [Int64], k: Int) {
            let (time, hidden) = (raw.shape[0], raw.shape[1])
            let moved = Array(raw.scalars.dropFirst(k * hidden)) + [Float](repeating: 0, count: k * hidden)
            func shifted(_ distance: Int) -> [Int32] {
                (0..<time).map { $0 + distance < time ? Int32(tokens[$0 + distance]) : 0 }
            }
            features = raw
            target = Tensor(moved, raw.shape)
            nextTokens = shifted(1)
            targetTokens = shifted(1 + k)
            counting = (0..<time - k).filter { lossMask[$0] == 1 }
        }

        /// Shows some positions the truth that they are asked for.
        mutating func glance(at positions: [Int]) {
            var values = features.scalars
            let hidden = features.width
            for position in positions {
                values.replaceSubrange(position * hidden..<(position + 1) * hidden, with: target.row(position))
                nextTokens[position] = targetTokens[position]
            }
            features = Tensor(values, features.shape)
        }

        var batch: Tensor { features.reshaped([1] + features.shape) }
    }

    @Test(arguments: [("k2_over_batch", FusionKind.gated), ("k3_over_time", .lstm)])
    func `Training steps agree with the authors' code`(name: String, fusion: FusionKind) throws {
        let folder = Fixtures.path("csgd/" + name)
        let text = try Data(contentsOf: URL(fileURLWithPath: folder + "/case.json"))
        let expected = try JSONDecoder().decode(Case.self, from: text)
        let fixture = try DrafterFixture(folder: folder, file: "case")
        let head = try fixture.tensor("head.weight")
        let network = try fixture.network(fusion)
        var optimizer = AdamW(network.parameters)
        let schedule = LearningRateSchedule(
            .linear, baseRate: expected.lr, warmupSteps: expected.warmup_steps, totalSteps: expected.total_steps)

        for (number, step) in expected.steps.enumerated() {
            let prefix = "step\(number)."
            func integers(_ name: String) throws -> [Int64] { try #require(fixture.integers[prefix + name]) }
            var sample = Sample(
                features: try fixture.tensor(prefix + "sample.hidden_state"),
                tokens: try integers("sample.input_ids"), lossMask: try integers("sample.loss_mask"), k: expected.k)
            #expect(sample.counting.count == step.num_mask)
            let lengths = [sample.nextTokens.count]

            // First pass, without a gradient: what the head would draft.
            let drafted = network.features(
                sample.batch, nextTokens: [sample.nextTokens], lengths: lengths, on: pool)
            let draftTokens = argmax(drafted, head)
            #expect(draftTokens.map(Int64.init) == (try integers("draft_token_first_pass")))
            let targetTokens = argmax(sample.target, head)
            #expect(sample.counting.count { draftTokens[$0] == targetTokens[$0] } == step.num_same)

            sample.glance(at: step.positions)
            #expect(sample.nextTokens.map(Int64.init) == (try integers("new_input_ids")))

            // Second pass, on the replaced inputs.
            var tape = Tape(on: pool)
            var dropout: Dropout?
            let predicted = network.forward(
                features: Tape.constant(sample.batch), nextTokens: [sample.nextTokens], lengths: lengths,
                dropout: &dropout, tape: &tape)
            expectClose(
                predicted.value, try fixture.tensor(prefix + "predict_second_pass"), absolute: 5e-5,
                "\(name) step \(number), second pass")
            let rows = tape.rows(of: predicted, at: sample.counting)
            let truth = sample.target.rows(at: sample.counting)
            let denominator = Float(step.num_mask) + 1e-5
            let labels = try integers("hard_tokens").map { Int32($0) }
            let feature = tape.smoothL1(rows, target: truth, denominator: denominator).loss
            let (distillation, parts) = tape.distillation(
                rows, target: truth, head: VocabularyHead(StoredMatrix(head), on: pool),
                options: .init(
                    softLoss: .authorsCode(temperature: 0.95),
                    hardLabel: .tokens(sample.counting.map { labels[$0] })),
                denominator: denominator)
            let loss = tape.add(feature, tape.scale(distillation, by: 0.1))
            expectClose(
                [feature.value.scalar, parts.softLoss, parts.hardLoss, distillation.value.scalar, loss.value.scalar],
                [step.vloss, step.loss_soft, step.loss_hard, step.ploss, step.loss], absolute: 2e-5,
                "\(name) step \(number), losses")

            var gradients = ParameterGradients(tape.gradients(of: loss), for: network.parameters)
            gradients.clip(toValue: expected.grad_clip_value)
            if number == 0 {
                for (parameter, gradient) in zip(network.parameters.trainable, gradients.tensors) {
                    expectClose(
                        gradient, try fixture.tensor("step0.clipped_grad.\(parameter.name)"), absolute: 1e-4,
                        "\(name), gradient of \(parameter.name)")
                }
            }
            let rate = schedule.rate(at: number)
            #expect(abs(rate - step.lr_used) < 1e-12)
            optimizer.step(network.parameters, gradients, learningRate: rate, on: pool)
        }
        for parameter in network.parameters.trainable {
            expectClose(
                parameter.value, try fixture.tensor("final.\(parameter.name)"), absolute: 2e-5,
                "\(name), \(parameter.name) after the last step")
        }
    }

    /// The most likely token after each feature.
    func argmax(_ features: Tensor, _ head: Tensor) -> [Int32] {
        let logits = Tensor.product(features, head, transposed: (false, true), on: pool)
        return (0..<logits.rowCount).map { row in
            let values = logits.row(row)
            return Int32(values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0)
        }
    }
}
