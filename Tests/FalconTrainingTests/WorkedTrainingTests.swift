import FalconAutograd
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

/// The figures of `docs/csgd.md`, computed by the trainer's own code.
@Suite struct WorkedTrainingTests {
    @Test func `glancing gives the figures of the document`() throws {
        let example = try WorkedExample("csgd.md")
        let blockSize = try example.integer("block_size")
        let mask = try example.integers("loss_mask").map { UInt8($0) }
        // Feature and token i are told apart by their value.
        let batch = TrainingBatch(
            [
                FeatureSequence(
                    id: "example", tokens: mask.indices.map { Int32($0) }, lossMask: mask,
                    features: Tensor(mask.indices.map { Float($0) }, [mask.count, 1]))
            ], blockSize: blockSize, maskShift: .target, maxLength: mask.count)
        let counting = try example.integers("counting")
        #expect(batch.countingRows() == counting)

        let distance = GlancePlan.hammingDistance(
            predicted: try example.integers("drafted").map { Int32($0) },
            truth: try example.integers("truth").map { Int32($0) })
        #expect(try distance == example.integer("distance"))
        let lambda = GlanceSchedule.paper.lambda(
            epoch: try example.integer("epoch"), epochs: try example.integer("epochs"))
        #expect(try abs(lambda - example.number("lambda")) < 1e-9)
        let number = GlancePlan.number(lambda: lambda, hammingDistance: distance)
        #expect(try number == example.integer("number"))

        var random = RandomSource(seed: UInt64(try example.integer("seed")))
        let plan = GlancePlan(
            counting: batch.counting[0], blockSize: blockSize, number: number, random: &random)
        #expect(try plan.positions == example.integers("shown"), "\(plan.positions)")
        let fed = batch.glancing([plan])
        #expect(try counting.map { Int(fed.features.scalars[$0]) } == example.integers("fed_features"))
        #expect(try counting.map { Int(fed.nextTokens[0][$0]) } == example.integers("fed_tokens"))
        #expect(try batch.countingRows(excluding: [plan]) == example.integers("learned"))
    }

    @Test func `the loss of a row is the document's`() throws {
        let example = try WorkedExample("csgd.md")
        let head = try example.rows("lm_head").map { $0.map { Float($0) } }
        let (target, predicted) = (try example.numbers("target_feature"), try example.numbers("predicted"))
        func row(_ values: [Double]) -> Tensor { Tensor(values.map { Float($0) }, [1, values.count]) }
        func distribution(_ feature: [Double]) -> [Double] {
            let weights = head.map { row in zip(row, feature).reduce(0) { $0 + Double($1.0) * $1.1 } }.map { exp($0) }
            return weights.map { $0 / weights.reduce(0, +) }
        }
        func close(_ found: [Double], _ key: String) throws {
            let expected = try example.numbers(key)
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 6e-5 }, "\(key): \(found)")
        }
        try close(distribution(target), "p")
        try close(distribution(predicted), "q")

        let pool = ThreadPool(threadCount: 1)
        var tape = Tape(on: pool)
        var random = RandomSource(seed: 1)
        let heads = LossHeads(
            StoredMatrix(Tensor(head.flatMap { $0 }, [head.count, head[0].count])), vocabulary: nil,
            precision: .float32, on: pool)
        let result = DraftLoss(recipe: LossSection())(
            predicted: tape.leaf(row(predicted)), target: row(target), heads: heads, dataTokens: [0],
            random: &random, tape: &tape
        ).result
        for (key, value) in [
            ("feature_loss", result.feature), ("soft_loss", result.soft), ("hard_loss", result.hard),
            ("loss", result.total),
        ] {
            #expect(try abs(value - example.number(key)) < 6e-5, "\(key): \(value)")
        }
    }
}
