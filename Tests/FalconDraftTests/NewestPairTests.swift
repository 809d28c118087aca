import FalconAutograd
import FalconNN
import FalconTensor
import FalconWeights
import Testing

@testable import FalconDraft

/// Heads whose rows all start from the newest position of their block.
@Suite struct NewestPairTests {
    let pool = ThreadPool(threadCount: 1)

    private func network(_ blockSize: Int, layers: Int = 1, newestPair: Bool, seed: UInt64 = 2) throws -> DraftNetwork {
        let target = ModelConfiguration(
            vocabularySize: 20, hiddenSize: 16, layerCount: 1, headCount: 4, intermediateSize: 24)
        var configuration = DraftConfiguration(
            target: target, blockSize: blockSize, layerCount: layers, fusion: .linear)
        configuration.hasNewestPair = newestPair
        var random = RandomSource(seed: 1)
        return try DraftNetwork(
            configuration, .random(RandomSource(seed: seed)),
            embedding: StoredMatrix(Tensor(normal: 1, [20, 16], from: &random)))
    }

    private func input(_ time: Int) -> (features: Tensor, tokens: [Int32]) {
        var random = RandomSource(seed: 9)
        return (Tensor(normal: 1, [1, time, 16], from: &random), (0..<time).map { _ in Int32(random.below(20)) })
    }

    @Test func `With k = 1 and one layer a new head is the same with and without it`() throws {
        let (features, tokens) = input(9)
        let outputs = try [false, true].map {
            try network(1, newestPair: $0).features(features, nextTokens: [tokens], lengths: [9], on: pool)
        }
        #expect(outputs[0].scalars == outputs[1].scalars)
    }

    @Test(arguments: [2, 3]) func `The first row of a block is that of an EAGLE head at the block's last position`(
        k: Int
    ) throws {
        let (features, tokens) = input(4 * k)
        let own = try network(k, newestPair: true).features(
            features, nextTokens: [tokens], lengths: [4 * k], on: pool)
        // The same weights with k = 1: each position sees what is before it and itself.
        let eagle = try network(1, newestPair: false).features(
            features, nextTokens: [tokens], lengths: [4 * k], on: pool)
        for block in 0..<4 { #expect(own.row(block * k) == eagle.row(block * k + k - 1)) }
    }

    @Test func `No position sees beyond its block, padding changes nothing`() throws {
        let (features, tokens) = input(12)
        let network = try network(3, layers: 2, newestPair: true)
        let whole = network.features(features, nextTokens: [tokens], lengths: [12], on: pool)
        var (changed, others) = (features.reshaped([12, 16]), tokens)
        for row in 6..<12 {
            others[row] = (others[row] + 1) % 20
            for column in 0..<16 { changed[row, column] += 1 }
        }
        let result = network.features(changed.reshaped([1, 12, 16]), nextTokens: [others], lengths: [12], on: pool)
        for row in 0..<12 { #expect((result.row(row) == whole.row(row)) == (row < 6)) }
        let short = network.features(
            features.reshaped([12, 16]).rows(0..<6).reshaped([1, 6, 16]), nextTokens: [Array(tokens[..<6])],
            lengths: [6], on: pool)
        for row in 0..<6 {
            #expect(zip(short.row(row), whole.row(row)).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test func `Gradients are those of finite differences`() throws {
        let (features, tokens) = input(8)
        let network = try network(2, layers: 2, newestPair: true)
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
        for name in ["offsets", "fc.weight", "layers.1.self_attn.k_proj.weight", "layers.1.input_layernorm.weight"] {
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
