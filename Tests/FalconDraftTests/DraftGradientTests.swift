import FalconAutograd
import FalconDraft
import FalconNN
import FalconTensor
import FalconTestSupport
import Testing

/// Gradients of a whole training loss with respect to every parameter, against torch's.
@Suite struct DraftGradientTests {
    let pool = ThreadPool(threadCount: 2)

    struct Case: Sendable, CustomTestStringConvertible {
        var batch: String
        var key: String
        var fusion: FusionKind
        /// The authors' loss or the paper's.
        var loss: String
        var testDescription: String { "\(batch).\(key).\(loss)" }
    }

    static let cases = [
        // With a batch of one the authors' recurrence over the batch is none.
        Case(batch: "b1", key: "over_batch", fusion: .gated, loss: "code"),
        Case(batch: "b2", key: "per_position", fusion: .gated, loss: "code"),
        Case(batch: "b2", key: "over_time", fusion: .lstm, loss: "code"),
        Case(batch: "b2", key: "over_time", fusion: .lstm, loss: "paper"),
    ]

    @Test(arguments: cases) func `Every gradient agrees with torch`(_ expected: Case) throws {
        try check("drafter/k4_gqa_2layers", expected)
    }

    @Test(arguments: ["k2_mha", "k3_gqa", "k2_qkvbias", "k2_linear_rope"], cases)
    func `Every gradient of the other heads agrees with torch`(name: String, expected: Case) throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        try check("\(shared)/fixtures/drafter/\(name)", expected)
    }

    func check(_ folder: String, _ expected: Case) throws {
        let fixture = try DrafterFixture(folder: folder, file: "grads")
        let (batch, prefix) = (expected.batch, "\(expected.batch).\(expected.key).\(expected.loss)")
        let network = try fixture.network(expected.fusion)
        let input = try fixture.input(batch)
        let target = try fixture.tensor(batch + ".target")
        let (hidden, time) = (target.width, target.shape[1])
        let counting = try fixture.rows(batch + ".loss_mask", time).flatMap(\.self).indices(where: { $0 == 1 })
        let labels = try fixture.rows(batch + ".hard_tokens", time).flatMap(\.self)

        var tape = Tape(on: pool)
        var dropout: Dropout?
        let predicted = network.forward(
            features: Tape.constant(input.features), nextTokens: input.nextTokens, lengths: input.lengths,
            dropout: &dropout, tape: &tape)
        expectClose(predicted.value, try fixture.tensor(prefix + ".predict"), absolute: 5e-5, "prediction")
        let rows = tape.rows(of: predicted, at: counting)
        let truth = target.reshaped([target.rowCount, hidden]).rows(at: counting)
        let denominator = Float(counting.count) + 1e-5
        let isAuthors = expected.loss == "code"
        let options = Distillation.Options(
            softLoss: isAuthors ? .authorsCode(temperature: 0.95) : .divergence,
            hardLabel: isAuthors ? .tokens(counting.map { labels[$0] }) : .argmax)
        let feature = tape.smoothL1(rows, target: truth, denominator: denominator).loss
        let distillation = tape.distillation(
            rows, target: truth, head: VocabularyHead(StoredMatrix(try fixture.tensor("head.weight")), on: pool),
            options: options,
            denominator: denominator
        ).loss
        let loss = tape.add(feature, tape.scale(distillation, by: 0.1))
        expectClose(loss.value.scalars, try fixture.tensor(prefix + ".loss").scalars, absolute: 2e-5, "loss")

        let gradients = ParameterGradients(tape.gradients(of: loss), for: network.parameters)
        for (parameter, gradient) in zip(network.parameters.trainable, gradients.tensors) {
            expectClose(
                gradient, try fixture.tensor("\(prefix).grad.\(parameter.name)"), absolute: 1e-4, relative: 1e-3,
                parameter.name)
        }
    }
}

extension Array {
    /// The positions of the elements for which the condition holds.
    fileprivate func indices(where holds: (Element) -> Bool) -> [Int] { indices.filter { holds(self[$0]) } }
}
