import FalconTensor
import FalconTestSupport

extension FixtureFamily {
    /// The training losses with their gradients, the paper's form and the authors' code's.
    static let losses = FixtureFamily(name: "losses") { folder in
        try FixtureFolder(path: folder + "/losses").folders(with: "case.safetensors").map { folder in
            FixtureJob(folder.name) { try compare(try LossCase(folder), &$0) }
        }
    }

    private static func compare(_ test: LossCase, _ comparison: inout Comparison) throws {
        // Row-chunked sums of large logits differ more: the tolerance of such cases in the fixtures' README.
        let isSharp = test.largestLogit > 15
        for (weight, part) in [(Float(1), "soft"), (0, "hard"), (0.9, "dist")] {
            let result = test.distillation(.init(softWeight: weight))
            try test.expect(result, loss: "paper.\(part)", gradient: "paper.grad_predict.\(part)", 1e-4, &comparison)
        }
        for (weight, part) in [(Float(1), "loss_soft"), (0, "loss_hard"), (0.9, "ploss")] {
            let result = test.distillation(
                .init(
                    softLoss: .authorsCode(temperature: 0.95), hardLabel: .tokens(test.hardTokens), softWeight: weight))
            if try test.golden.scalar("code.\(part)").isNaN {
                comparison.expect(result.loss.isFinite, "\(part) is \(result.loss) where the authors' is not a number")
            } else {
                try test.expect(
                    result, loss: "code.\(part)", gradient: "code.grad_predict.\(part)", isSharp ? 1e-3 : 1e-4,
                    &comparison)
            }
        }
        let feature = SmoothL1.evaluate(
            predicted: test.predicted, target: test.target, denominator: test.denominator,
            on: ThreadPool(threadCount: 1))
        for name in ["code.vloss", "paper.reg"] {
            comparison.close(
                Double(feature.loss), try test.golden.scalar(name), absolute: 1e-5, relative: 1e-5, name)
        }
        try comparison.close(
            feature.gradient, test.rows("paper.grad_predict.reg"), absolute: 1e-6, relative: 1e-4, "gradient of reg")

        // The whole: both parts with their weights, as the trainer adds them.
        let (featureWeight, distillWeight) = (test.weights[0], test.weights[1])
        let distilled = test.distillation(.init(softWeight: 0.9))
        comparison.close(
            Double(feature.loss + distillWeight * distilled.loss), try test.golden.scalar("paper.loss"),
            absolute: 1e-5, relative: 1e-5, "paper.loss")
        guard try !test.golden.scalar("code.loss").isNaN else { return }
        let authors = test.distillation(
            .init(softLoss: .authorsCode(temperature: 0.95), hardLabel: .tokens(test.hardTokens), softWeight: 0.9))
        comparison.close(
            Double(featureWeight * feature.loss + distillWeight * authors.loss), try test.golden.scalar("code.loss"),
            absolute: 1e-5, relative: 1e-5, "code.loss")
    }
}

/// One case, cut to the rows that count.
private struct LossCase {
    let golden: GoldenTensors
    let positions: [Int]
    let hardTokens: [Int32]
    let predicted, target, head: Tensor
    /// Of the feature loss and of the distillation loss.
    let weights: [Float]
    let largestLogit: Float

    init(_ folder: FixtureFolder) throws {
        golden = try folder.tensors("case.safetensors")
        let mask = try golden.whole("loss_mask")
        positions = mask.indices.filter { mask[$0] != 0 }
        let hard = try golden.tokens("hard_tokens")
        hardTokens = positions.map { hard[$0] }
        predicted = try golden.real("predict").rows(at: positions)
        target = try golden.real("target").rows(at: positions)
        head = try golden.real("head.weight")
        weights = try golden.real("weights").scalars
        largestLogit = try golden.real("target_head").scalars.map(abs).max() ?? 0
    }

    /// The authors' code divides by this, the paper's variant too.
    var denominator: Float { Float(positions.count) + 1e-5 }

    func rows(_ name: String) throws -> Tensor { try golden.real(name).rows(at: positions) }

    func distillation(_ options: Distillation.Options) -> Distillation.Result {
        Distillation.evaluate(
            predicted: predicted, target: target,
            head: VocabularyHead(StoredMatrix(head), on: ThreadPool(threadCount: 1)), options: options,
            denominator: denominator, on: ThreadPool(threadCount: 1))
    }

    func expect(
        _ result: Distillation.Result, loss: String, gradient: String, _ relative: Float, _ comparison: inout Comparison
    ) throws {
        comparison.close(Double(result.loss), try golden.scalar(loss), absolute: 1e-5, relative: 1e-5, loss)
        try comparison.close(result.gradient, rows(gradient), absolute: 1e-6, relative: relative, gradient)
        comparison.equal(result.skippedRows, 0, "skipped rows")
    }
}
