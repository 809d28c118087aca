import FalconModels
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

/// Dynamic scaling of positions: past the model's own length each position turns by the base of the sequence that ends
/// with it, as in token-by-token decoding in Hugging Face.
@Suite struct DynamicRotaryTests {
    private let rotary = RotaryConfiguration(base: 10000, scaling: .dynamic(factor: 2, maxPositions: 8))

    @Test func `a position turns by the base of the sequence that ends with it`() {
        let positions = [0, 3, 7, 8, 20]
        let size = 8
        let turned = rotary.table(headSize: size).rotate(
            Tensor(Array(repeating: [1, 1, 1, 1, 0, 0, 0, 0], count: 5).flatMap { $0 }, [5, size]), heads: 1,
            positions: positions, on: ThreadPool(threadCount: 1))
        for (row, position) in positions.enumerated() {
            // The formula of transformers' dynamic scaling, with the length position + 1.
            let length = Double(max(position + 1, 8))
            let base = 10000 * pow(2 * length / 8 - 1, 8.0 / 6)
            for pair in 0..<size / 2 {
                let angle = Double(position) / pow(base, Double(2 * pair) / Double(size))
                #expect(abs(Double(turned[row, pair]) - cos(angle)) < 1e-5, "position \(position), pair \(pair)")
                #expect(abs(Double(turned[row, pair + size / 2]) - sin(angle)) < 1e-5)
            }
        }
    }

    @Test func `a prompt, a tree and plain decoding give the same bits past the model's length`() throws {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("targets/llama_gqa")
        var configuration = try ModelConfiguration(folder: source)
        configuration.maxPositions = 8
        configuration.rotary.scaling = rotary.scaling
        #expect(configuration.positionLimit == 16)
        try configuration.write(folder: folder.path)
        try FileManager.default.copyItem(
            atPath: source + "/model.safetensors", toPath: folder.file("model.safetensors"))
        let pool = ThreadPool(threadCount: 2)
        let model = try TargetModel(folder: folder.path, pool: pool)
        let tokens = (0..<16).map { Int32($0 * 7 % 100) }
        let whole = model.forward(tokens, cache: model.makeCache(capacity: 16), on: pool)
        let cache = model.makeCache(capacity: 16)
        for (position, token) in tokens.enumerated() {
            #expect(model.forward([token], cache: cache, on: pool).scalars == whole.row(position))
        }
        let branched = model.makeCache(capacity: 16)
        _ = model.forward(Array(tokens[..<6]), cache: branched, on: pool)
        // Two branches of five tokens; the second is the sequence's own.
        let tree = model.forward(
            [9, 8, 7, 6, 5] + tokens[6..<11], parents: [-1, 0, 1, 2, 3, -1, 5, 6, 7, 8], cache: branched, on: pool)
        for row in 5..<10 { #expect(tree.row(row) == whole.row(row + 1)) }
        let unscaled = try TargetModel(folder: source, pool: pool)
        let plain = unscaled.forward(tokens, cache: unscaled.makeCache(capacity: 16), on: pool)
        #expect(plain.row(7) == whole.row(7) && plain.row(8) != whole.row(8))
    }
}
