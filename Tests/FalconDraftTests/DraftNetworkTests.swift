import FalconAutograd
import FalconDraft
import FalconNN
import FalconTensor
import FalconTestSupport
import Testing

/// The training form against the authors' code.
@Suite struct DraftNetworkTests {
    let pool = ThreadPool(threadCount: 2)

    /// How the fixtures call what a fusion computes, for a batch.
    static let fusions: [(FusionKind, String)] = [(.lstm, "over_time"), (.gated, "per_position")]

    @Test(arguments: DrafterFixture.names, fusions)
    func `A padded batch agrees with the authors' head, padding too`(
        name: String, fusion: (kind: FusionKind, key: String)
    ) throws {
        let fixture = try DrafterFixture(name)
        let input = try fixture.input("bn")
        let output = try fixture.network(fusion.kind).features(
            input.features, nextTokens: input.nextTokens, lengths: input.lengths, on: pool)
        expectClose(output, try fixture.tensor("bn.out.\(fusion.key)"), absolute: 5e-5, "\(name) \(fusion.key)")
    }

    @Test(arguments: DrafterFixture.names, ["b1", "t1", "t2"])
    func `A single sequence agrees with the authors' head`(name: String, prefix: String) throws {
        let fixture = try DrafterFixture(name)
        let input = try fixture.input(prefix)
        // With a batch of one, the recurrence of the authors' code over the batch is no recurrence.
        for (kind, key) in [(FusionKind.lstm, "over_time"), (.gated, "over_batch")] {
            let output = try fixture.network(kind).features(
                input.features, nextTokens: input.nextTokens, lengths: input.lengths, on: pool)
            expectClose(output, try fixture.tensor("\(prefix).out.\(key)"), absolute: 5e-5, "\(name) \(key)")
        }
    }

    @Test func `The linear fusion is one layer with a bias`() throws {
        var configuration = try DraftConfiguration(folder: Fixtures.path("drafter/k2_mha"))
        configuration.fusion = .linear
        configuration.blockSize = 1
        let network = try DraftNetwork(configuration, .random(RandomSource(seed: 1)))
        let names = network.parameters.all.map(\.name).filter { $0.hasPrefix("fc") || $0.hasPrefix("lstm") }
        #expect(names == ["fc.weight", "fc.bias"])
        #expect(network.parameters["fc.weight"]?.shape == [32, 64])
        let input = try DrafterFixture("k2_mha").input("b1")
        let output = network.features(
            input.features, nextTokens: input.nextTokens, lengths: input.lengths, on: pool)
        #expect(output.shape == input.features.shape && output.isFinite)
    }

    @Test func `A position sees its whole block and nothing behind it`() throws {
        let fixture = try DrafterFixture("k3_gqa")
        let network = try fixture.network(.gated)
        var input = try fixture.input("b1")
        let before = network.features(
            input.features, nextTokens: input.nextTokens, lengths: input.lengths, on: pool)
        // Position 5 is the last of block 1 (positions 3, 4, 5).
        input.nextTokens[0][5] = (input.nextTokens[0][5] + 1) % 72
        let after = network.features(
            input.features, nextTokens: input.nextTokens, lengths: input.lengths, on: pool)
        let changed = (0..<before.rowCount).map { before.row($0) != after.row($0) }
        #expect(changed.firstIndex(of: true) == 3)
        #expect(changed[3...].allSatisfy { $0 })
    }

    @Test func `Dropout acts in training alone, and the same seed drops the same`() throws {
        let fixture = try DrafterFixture("k2_mha")
        let network = try fixture.network(.lstm)
        let input = try fixture.input("b1")
        func output(_ seed: UInt64?) -> Tensor {
            var dropout = seed.map { Dropout(rate: 0.1, random: RandomSource(seed: $0)) }
            var tape = Tape(on: pool)
            return network.forward(
                features: Tape.constant(input.features), nextTokens: input.nextTokens, lengths: input.lengths,
                dropout: &dropout, tape: &tape
            ).value
        }
        #expect(output(1) == output(1))
        #expect(output(1) != output(2))
        #expect(output(1) != output(nil))
        expectClose(output(nil), try fixture.tensor("b1.out.over_time"), absolute: 5e-5, "without dropout")
    }

    @Test func `The embedding is frozen and the head's other parameters are not`() throws {
        let network = try DrafterFixture("k2_qkvbias").network(.lstm)
        let frozen = network.parameters.all.filter { !$0.isTrainable }.map(\.name)
        #expect(frozen == ["embed_tokens.weight"])
        #expect(network.parameters.trainable.count == network.parameters.all.count - 1)
    }

    @Test func `The thread count does not change a bit`() throws {
        let fixture = try DrafterFixture("k4_gqa_2layers")
        let network = try fixture.network(.lstm)
        let input = try fixture.input("bn")
        func gradients(_ threads: Int) -> [Tensor] {
            var tape = Tape(on: ThreadPool(threadCount: threads))
            var dropout: Dropout?
            let output = network.forward(
                features: Tape.constant(input.features), nextTokens: input.nextTokens, lengths: input.lengths,
                dropout: &dropout, tape: &tape)
            return ParameterGradients(tape.gradients(of: tape.sum(output)), for: network.parameters).tensors
        }
        #expect(gradients(1) == gradients(3))
    }
}
