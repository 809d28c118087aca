import FalconAutograd
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@Suite struct LlamaNetworkTests {
    let pool = ThreadPool(threadCount: 2)

    /// The small model of `targets/llama_gqa`.
    func network() throws -> LlamaNetwork {
        let tensors = try Fixtures.tensors("targets/llama_gqa/model.safetensors")
        let configuration = ModelConfiguration(
            vocabularySize: 128, hiddenSize: 48, layerCount: 3, headCount: 6, keyValueHeadCount: 2,
            intermediateSize: 80, rotary: RotaryConfiguration(base: 500_000))
        return try LlamaNetwork(configuration, .stored(StoredParameters(tensors)))
    }

    @Test func `Features and logits agree with transformers`() throws {
        let expected = try Fixtures.tensors("targets/llama_gqa/expected.safetensors")
        let tokens = try #require(try Fixtures.integers("targets/llama_gqa/expected.safetensors")["input_ids"])
        let network = try network()
        var tape = Tape(on: pool, recordsGradients: false)
        let rows = [tokens[0..<16], tokens[16..<32]].map { $0.map { Int32($0) } }
        let features = network.features(rows, lengths: [16, 16], tape: &tape)
        expectClose(features.value, try #require(expected["final_hidden"]), absolute: 2e-4, "features")
        let head = network.headWeight(tape: &tape)
        let logits = tape.linear(features, weight: head)
        expectClose(logits.value, try #require(expected["logits"]), absolute: 2e-4, "logits")
    }

    @Test func `Padding changes nothing to its left`() throws {
        let network = try network()
        let tokens: [Int32] = [5, 9, 100, 3]
        func features(_ rows: [[Int32]], _ lengths: [Int]) -> Tensor {
            var tape = Tape(on: pool, recordsGradients: false)
            return network.features(rows, lengths: lengths, tape: &tape).value
        }
        let alone = features([tokens], [4])
        let padded = features([tokens + [0, 0, 0], [1, 2, 3, 4, 5, 6, 7]], [4, 7])
        expectClose(padded.rows(at: [0, 1, 2, 3]), alone.reshaped([4, 48]), absolute: 1e-6, "left of the padding")
    }

    @Test func `Gradients of a whole tied network agree with finite differences`() throws {
        var configuration = ModelConfiguration(
            vocabularySize: 6, hiddenSize: 8, layerCount: 2, headCount: 2, keyValueHeadCount: 1, intermediateSize: 12,
            rotary: RotaryConfiguration(base: 100), tiesEmbeddings: true)
        configuration.plan.hasAttentionBias = true
        func make() throws -> LlamaNetwork {
            try LlamaNetwork(configuration, start: LayerStart(deviation: 0.4), .random(RandomSource(seed: 3)))
        }
        let network = try make()
        let tokens: [[Int32]] = [[1, 4, 2, 5], [3, 3, 0, 0]]
        let weights = Tensor((0..<48).map { Float(($0 * 29) % 13) / 6 - 1 }, [2, 4, 6])
        func loss(_ network: LlamaNetwork, _ tape: inout Tape) -> Variable {
            let features = network.features(tokens, lengths: [4, 2], tape: &tape)
            let head = network.headWeight(tape: &tape)
            return tape.dot(tape.linear(features, weight: head), weights)
        }
        var tape = Tape(on: pool)
        let output = loss(network, &tape)
        let gradients = tape.gradients(of: output)
        let step: Float = 0.01
        for parameter in network.parameters.all {
            let analytic = try #require(gradients[parameter]).scalars
            // A few entries of each tensor; every operation has a full check of its own.
            for position in stride(from: 0, to: parameter.value.count, by: max(1, parameter.value.count / 3)) {
                let original = parameter.value
                func moved(_ steps: Float) -> Double {
                    var values = original.scalars
                    values[position] += steps * step
                    parameter.value = Tensor(values, original.shape)
                    defer { parameter.value = original }
                    var tape = Tape(on: pool, recordsGradients: false)
                    return Double(loss(network, &tape).value.scalar)
                }
                let near = (moved(1) - moved(-1)) / 2
                let far = (moved(2) - moved(-2)) / 4
                let numeric = (4 * near - far) / 3 / Double(step)
                let error = abs(Double(analytic[position]) - numeric)
                #expect(error < 3e-3 + 0.01 * abs(numeric), "\(parameter.name) entry \(position): \(numeric)")
            }
        }
    }

    @Test func `New networks are named as Hugging Face names them`() throws {
        let expected = try Fixtures.tensors("targets/llama_gqa/model.safetensors").keys.sorted()
        #expect(try network().parameters.all.map(\.name).sorted() == expected)
    }
}
