import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct TrainingBatchTests {
    private struct Preparation: Decodable {
        let k, max_len: Int
        let lengths: [Int]
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path(path))))
    }

    private func rows(_ values: [Int64], _ count: Int) -> [[Int32]] {
        let width = values.count / count
        return (0..<count).map { values[$0 * width..<($0 + 1) * width].map { Int32($0) } }
    }

    @Test(arguments: ["prep_k2", "prep_k3", "prep_k4"])
    func `a padded batch agrees with the reference's`(name: String) throws {
        let case_ = try decode(Preparation.self, "glance/\(name)/case.json")
        let tensors = try Fixtures.tensors("glance/\(name)/case.safetensors")
        let integers = try Fixtures.integers("glance/\(name)/case.safetensors")
        let batch = TrainingBatch(
            try case_.lengths.indices.map { index in
                FeatureSequence(
                    id: "\(index)", tokens: try #require(integers["sample\(index).input_ids"]).map { Int32($0) },
                    lossMask: try #require(integers["sample\(index).loss_mask"]).map { UInt8($0) },
                    features: try #require(tensors["sample\(index).hidden_state"]))
            }, blockSize: case_.k, maskShift: .authors, maxLength: case_.max_len)
        let count = case_.lengths.count
        #expect(batch.features == tensors["batch.hidden_states"])
        #expect(batch.targetFeatures == tensors["batch.target"])
        #expect(batch.nextTokens == rows(try #require(integers["batch.input_ids"]), count))
        #expect(batch.targetTokens == rows(try #require(integers["batch.input_ids_target"]), count))
        let mask = rows(try #require(integers["batch.loss_mask"]), count)
        #expect(batch.counting == mask.map { $0.map { $0 != 0 } })
        let attention = rows(try #require(integers["batch.attention_mask"]), count)
        #expect(batch.lengths.map(Int32.init) == attention.map { $0.reduce(0, +) })
    }

    private struct Replacement: Decodable {
        enum Positions: Decodable {
            case one([Int]), rows([[Int]])
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let rows = try? container.decode([[Int]].self) {
                    self = .rows(rows)
                } else {
                    self = .one(try container.decode([Int].self))
                }
            }
        }
        let positions: Positions
    }

    @Test(arguments: ["runs_batch", "k2", "k3"])
    func `features and tokens are replaced together, in every row`(name: String) throws {
        let positions: [[Int]] =
            switch try decode(Replacement.self, "glance/\(name)/case.json").positions {
            case .one(let row): [row]
            case .rows(let rows): rows
            }
        let tensors = try Fixtures.tensors("glance/\(name)/case.safetensors")
        let integers = try Fixtures.integers("glance/\(name)/case.safetensors")
        let count = positions.count
        let batch = TrainingBatch(
            features: try #require(tensors["hidden_states"]),
            nextTokens: rows(try #require(integers["input_ids"]), count),
            targetFeatures: try #require(tensors["target"]),
            targetTokens: rows(try #require(integers["input_ids_target"]), count))
        let glanced = batch.glancing(positions.map { GlancePlan(positions: $0) })
        #expect(glanced.features == tensors["new_hidden_states"])
        #expect(glanced.nextTokens == rows(try #require(integers["new_input_ids"]), count))
        #expect(glanced.targetFeatures == batch.targetFeatures)
    }

    @Test func `noise by length agrees with the reference's`() throws {
        let tensors = try Fixtures.tensors("glance/noise/case.safetensors")
        let clean = try #require(tensors["hidden_states"])
        var drawn = try #require(tensors["uniform01"]).scalars.makeIterator()
        var values = clean.scalars
        FeatureNoise(kind: .length, halfWidth: 0.1).add(
            to: &values, first: 0, count: values.count, length: clean.shape[1]
        ) { drawn.next() ?? 0 }
        expectClose(Tensor(values, clean.shape), try #require(tensors["noisy"]), absolute: 1e-6, "noisy features")
    }

    @Test func `noise touches inputs only, and nothing past the end`() {
        let sequences = [4, 7].map { length in
            FeatureSequence(
                id: "s", tokens: [Int32](repeating: 1, count: length), lossMask: [UInt8](repeating: 1, count: length),
                features: Tensor(zeros: [length, 3]))
        }
        var batch = TrainingBatch(sequences, blockSize: 2, maskShift: .target, maxLength: 6)
        var random = RandomSource(seed: 1)
        batch.add(FeatureNoise(kind: .uniform, halfWidth: 0.1), random: &random)
        #expect(batch.targetFeatures == Tensor(zeros: [2, 6, 3]))
        let noisy = batch.features.scalars
        #expect(noisy[0..<12].allSatisfy { $0 != 0 && abs($0) <= 0.1 })
        #expect(noisy[12..<18].allSatisfy { $0 == 0 })
        #expect(noisy[18..<36].allSatisfy { $0 != 0 && abs($0) <= 0.1 })
    }

    @Test func `rows that count leave out the glanced ones`() {
        let batch = TrainingBatch(
            [
                FeatureSequence(
                    id: "s", tokens: [1, 2, 3, 4, 5, 6, 7], lossMask: [0, 0, 0, 1, 1, 1, 1],
                    features: Tensor(zeros: [7, 2]))
            ], blockSize: 2, maskShift: .target, maxLength: 100)
        #expect(batch.countingRows() == [0, 1, 2, 3])
        #expect(batch.countingRows(excluding: [GlancePlan(positions: [2])]) == [0, 1, 3])
    }
}
