import FalconAutograd
import FalconDraft
import FalconNN
import FalconTensor
import FalconTestSupport

extension FixtureFamily {
    /// Gradients of a whole training loss for every parameter of a draft head.
    static let gradients = FixtureFamily(name: "gradients") { folder in
        try FixtureFolder(path: folder + "/drafter").folders(with: "grads.safetensors").map { head in
            FixtureJob { record in
                let golden = try head.tensors("grads.safetensors")
                // b2.over_time.code.loss
                let losses = golden.reals.keys.filter { $0.hasSuffix(".code.loss") || $0.hasSuffix(".paper.loss") }
                for name in losses.sorted() {
                    let parts = name.split(separator: ".").map(String.init)
                    let rows = try golden.real(parts[0] + ".hidden_states").shape[0]
                    // The authors' recurrence over a batch of several rows is a defect that nobody wants.
                    if parts[1] == "over_batch", rows > 1 { continue }
                    record.check("\(head.name) \(name)") { comparison in
                        try compare(head, golden, parts[0], parts[1], parts[2], &comparison)
                    }
                }
            }
        }
    }

    private static func compare(
        _ head: FixtureFolder, _ golden: GoldenTensors, _ batch: String, _ key: String, _ form: String,
        _ comparison: inout Comparison
    ) throws {
        let prefix = "\(batch).\(key).\(form)"
        let network = try DraftNetwork(folder: head.path, fusion: key == "over_time" ? .lstm : .gated)
        let features = try golden.real(batch + ".hidden_states")
        let rows = features.shape[0]
        let lengths = try golden.integers[batch + ".attention_mask"].map { _ in
            try golden.rows(batch + ".attention_mask", count: rows).map { $0.reduce(0) { $0 + Int($1) } }
        }
        let labels = try golden.tokens(batch + ".hard_tokens")
        let mask = try golden.whole(batch + ".loss_mask")
        let counting = mask.indices.filter { mask[$0] != 0 }

        var tape = Tape(on: ThreadPool(threadCount: 1))
        var dropout: Dropout?
        let predicted = network.forward(
            features: Tape.constant(features), nextTokens: try golden.rows(batch + ".input_ids", count: rows),
            lengths: lengths ?? [Int](repeating: features.shape[1], count: rows), dropout: &dropout, tape: &tape)
        comparison.close(predicted.value, try golden.real(prefix + ".predict"), absolute: 5e-5, "predict")
        let truth = try golden.real(batch + ".target").flat.rows(at: counting)
        let counted = tape.rows(of: predicted, at: counting)
        let denominator = Float(counting.count) + 1e-5
        let options = Distillation.Options(
            softLoss: form == "code" ? .authorsCode(temperature: 0.95) : .divergence,
            hardLabel: form == "code" ? .tokens(counting.map { labels[$0] }) : .argmax)
        let feature = tape.smoothL1(counted, target: truth, denominator: denominator).loss
        let distilled = tape.distillation(
            counted, target: truth,
            head: VocabularyHead(StoredMatrix(try golden.real("head.weight")), on: tape.pool), options: options,
            denominator: denominator
        ).loss
        let loss = tape.add(feature, tape.scale(distilled, by: 0.1))
        comparison.close(
            Double(loss.value.scalars[0]), try golden.scalar(prefix + ".loss"), absolute: 1e-5, relative: 1e-5, "loss")
        let gradients = ParameterGradients(tape.gradients(of: loss), for: network.parameters)
        for (parameter, gradient) in zip(network.parameters.trainable, gradients.tensors) {
            comparison.close(
                gradient, golden.reals["\(prefix).grad.\(parameter.name)"], absolute: 1e-4, relative: 1e-3,
                "grad.\(parameter.name)")
        }
    }
}
