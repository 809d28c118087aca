import FalconAutograd
import FalconNN
import FalconTensor
import FalconWeights
import Foundation
import Testing

@testable import FalconDraft

/// The correction inside a block, in training form.
@Suite struct BlockCorrectionTests {
    let pool = ThreadPool(threadCount: 1)

    private func network(_ blockSize: Int, rank: Int, learned: Bool = true) throws -> DraftNetwork {
        let target = ModelConfiguration(
            vocabularySize: 20, hiddenSize: 16, layerCount: 1, headCount: 4, intermediateSize: 24)
        var configuration = DraftConfiguration(target: target, blockSize: blockSize, layerCount: 1, fusion: .linear)
        (configuration.hasNewestPair, configuration.correctionRank) = (true, rank)
        var random = RandomSource(seed: 1)
        let network = try DraftNetwork(
            configuration, .random(RandomSource(seed: 2)),
            embedding: StoredMatrix(Tensor(normal: 1, [20, 16], from: &random)))
        for parameter in network.parameters.trainable where learned && parameter.name.hasPrefix("correction.output") {
            parameter.value = Tensor(normal: 0.3, parameter.value.shape, from: &random)
        }
        return network
    }

    private func input(_ time: Int) -> (features: Tensor, tokens: [Int32]) {
        var random = RandomSource(seed: 9)
        return (Tensor(normal: 1, [1, time, 16], from: &random), (0..<time).map { _ in Int32(random.below(20)) })
    }

    @Test func `A new head predicts what one without correction does`() throws {
        let (features, tokens) = input(8)
        let outputs = try [0, 4].map {
            try network(2, rank: $0, learned: false).features(
                features, nextTokens: [tokens], lengths: [8], on: pool)
        }
        #expect(outputs[0].scalars == outputs[1].scalars)
    }

    @Test func `A row is corrected by the token at the position that it predicts, as the formula says`() throws {
        let (features, tokens) = input(8)
        let (plain, own) = try (network(2, rank: 0), network(2, rank: 4))
        let before = plain.features(features, nextTokens: [tokens], lengths: [8], on: pool)
        let after = own.features(features, nextTokens: [tokens], lengths: [8], on: pool)
        func weight(_ name: String) throws -> Tensor {
            try #require(own.parameters.all.first { $0.name == "correction.\(name).weight" }).value
        }
        let (gate, token, output) = try (weight("gate"), weight("token"), weight("output"))
        let embedding = try #require(own.borrowed)
        for row in 0..<7 {
            let g = before.row(row).map { Double($0) }
            // t_{i+k}, of tokens one step ahead.
            let e = embedding.gather([tokens[row + 1]]).row(0).map { Double($0) }
            func product(_ matrix: Tensor, _ x: [Double]) -> [Double] {
                (0..<matrix.rowCount).map { zip(matrix.row($0), x).reduce(0) { $0 + Double($1.0) * $1.1 } }
            }
            let unit = zip(product(gate, g), product(token, e)).map { $0 / (1 + exp(-$0)) * $1 }
            let expected = zip(g, product(output, unit)).map { $0 + $1 }
            #expect(zip(after.row(row), expected).allSatisfy { abs(Double($0) - $1) < 1e-4 }, "row \(row)")
        }
        // Where glancing shows other tokens, the row's own one is still the text's.
        var tape = Tape(on: pool, recordsGradients: false)
        var dropout: Dropout?
        let given = own.forward(
            features: Tape.constant(features), nextTokens: [tokens],
            ownTokens: [BlockCorrection.ownTokens([tokens], blockSize: 2)[0].map { ($0 + 1) % 20 }], lengths: [8],
            dropout: &dropout, tape: &tape)
        #expect(given.value.row(0) != after.row(0))
    }

    @Test func `Gradients are those of finite differences`() throws {
        let (features, tokens) = input(8)
        let network = try network(2, rank: 4)
        var random = RandomSource(seed: 3)
        let weights = Tensor(normal: 1, [1, 8, 16], from: &random)
        func loss() -> Double {
            let output = network.features(features, nextTokens: [tokens], lengths: [8], on: pool)
            return zip(output.scalars, weights.scalars).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        var tape = Tape(on: pool)
        var dropout: Dropout?
        let output = network.forward(
            features: Tape.constant(features), nextTokens: [tokens], lengths: [8], dropout: &dropout, tape: &tape)
        let gradients = tape.gradients(of: output, seed: weights)
        for name in ["gate", "token", "output"].map({ "correction.\($0).weight" }) + ["fc.weight", "offsets"] {
            let parameter = try #require(network.parameters.all.first { $0.name == name })
            let gradient = try #require(gradients[parameter])
            for _ in 0..<6 {
                let index = random.below(parameter.value.count)
                let original = parameter.value
                func moved(_ step: Float) -> Double {
                    var values = original.scalars
                    values[index] += step
                    parameter.value = Tensor(values, original.shape)
                    defer { parameter.value = original }
                    return loss()
                }
                let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2
                #expect(abs(slope - Double(gradient.scalars[index])) < 2e-2 + 2e-2 * abs(slope), "\(name) \(index)")
            }
        }
    }
}
