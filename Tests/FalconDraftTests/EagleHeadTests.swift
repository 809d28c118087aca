import FalconDraft
import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

/// Published EAGLE-1 heads: a Llama configuration without `k_mask` and `fusion`, and `fc.weight`, with or without
/// `fc.bias`. The expected output is computed here in double precision, straight from EAGLE's description: fuse
/// embedding and feature, one Llama layer without an input norm under a causal mask, no final norm.
@Suite struct EagleHeadTests {
    static let (vocabulary, hidden, wide, heads) = (20, 8, 12, 2)

    private func folder(hasBias: Bool, hasEmbedding: Bool, members: String = "") throws -> TemporaryFolder {
        let (hidden, wide) = (EagleHeadTests.hidden, EagleHeadTests.wide)
        let folder = try TemporaryFolder()
        try folder.write(
            """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": \(EagleHeadTests.vocabulary),
             "hidden_size": \(hidden), "intermediate_size": \(wide), "num_hidden_layers": 1, "hidden_act": "silu",
             "num_attention_heads": \(EagleHeadTests.heads), "rms_norm_eps": 1e-6,
             "max_position_embeddings": 64\(members)}
            """, to: "config.json")
        var random = RandomSource(seed: 11)
        var tensors: [(name: String, tensor: Tensor)] = []
        func add(_ name: String, _ shape: [Int]) {
            tensors.append((name, Tensor(normal: 0.5, shape, from: &random)))
        }
        add("fc.weight", [hidden, 2 * hidden])
        for name in ["q", "k", "v", "o"] { add("layers.0.self_attn.\(name)_proj.weight", [hidden, hidden]) }
        add("layers.0.mlp.gate_proj.weight", [wide, hidden])
        add("layers.0.mlp.up_proj.weight", [wide, hidden])
        add("layers.0.mlp.down_proj.weight", [hidden, wide])
        add("layers.0.post_attention_layernorm.weight", [hidden])
        if hasBias { add("fc.bias", [hidden]) }
        if hasEmbedding { add("embed_tokens.weight", [EagleHeadTests.vocabulary, hidden]) }
        try TorchCheckpointWriter.write(folder.file("pytorch_model.bin"), tensors: tensors, as: .float32)
        return folder
    }

    @Test(arguments: [true, false], [true, false])
    func `a published head loads as what it is and computes what EAGLE says`(
        hasBias: Bool, saysBias: Bool
    ) throws {
        let folder = try folder(
            hasBias: hasBias, hasEmbedding: true, members: saysBias ? #", "bias": \#(hasBias)"# : "")
        let head = try DraftFolder(path: folder.path)
        try head.check()
        #expect(head.configuration.blockSize == 1 && head.configuration.fusion == .linear)
        #expect(head.configuration.hasFusionBias == hasBias)
        var random = RandomSource(seed: 12)
        let features = Tensor(normal: 1, [5, EagleHeadTests.hidden], from: &random)
        let tokens: [Int32] = [3, 19, 0, 7, 7]
        let expected = try reference(head.weights, features, tokens)
        let pool = ThreadPool(threadCount: 1)
        let network = try DraftNetwork(folder: folder.path)
        let output = network.features(
            features.reshaped([1, 5, EagleHeadTests.hidden]), nextTokens: [tokens], lengths: [5], on: pool)
        expectClose(output.scalars, expected.flatMap { $0 }.map { Float($0) }, absolute: 1e-5, "training form")
        let session = DraftSession(head: try DraftHead(folder: folder.path, pool: pool), capacity: 8, branchRows: 0)
        session.extend(features: features, nextTokens: tokens, on: pool)
        let block = try #require(session.firstBlock(on: pool))
        expectClose(block.scalars, expected[4].map { Float($0) }, absolute: 1e-5, "drafting form")
    }

    @Test func `a head without an embedding needs its target's`() throws {
        let folder = try folder(hasBias: true, hasEmbedding: false)
        try DraftFolder(path: folder.path).check()
        #expect(throws: FileError.self) { try DraftHead(folder: folder.path, pool: ThreadPool(threadCount: 1)) }
        let embedding = StoredMatrix(Tensor(zeros: [EagleHeadTests.vocabulary, EagleHeadTests.hidden]))
        #expect(try DraftNetwork(folder: folder.path, embedding: embedding).configuration.fusion == .linear)
    }

    @Test func `a bias that the configuration asks for must be there`() throws {
        let folder = try folder(hasBias: false, hasEmbedding: true, members: #", "bias": true"#)
        let error = #expect(throws: FileError.self) { try DraftFolder(path: folder.path).check() }
        #expect(error?.problem.contains("fc.bias") == true)
    }

    private func reference(_ weights: WeightFolder, _ features: Tensor, _ tokens: [Int32]) throws -> [[Double]] {
        let hidden = EagleHeadTests.hidden
        func matrix(_ name: String) throws -> [[Double]] {
            let tensor = try weights.tensor(name)
            return (0..<tensor.rowCount).map { tensor.row($0).map { Double($0) } }
        }
        func product(_ matrix: [[Double]], _ x: [Double]) -> [Double] {
            matrix.map { zip($0, x).reduce(0) { $0 + $1.0 * $1.1 } }
        }
        let embedding = try matrix("embed_tokens.weight")
        let fc = try matrix("fc.weight")
        let bias = weights.contains("fc.bias") ? try matrix("fc.bias")[0] : [Double](repeating: 0, count: hidden)
        let rows = tokens.indices.map { index in
            let input = embedding[Int(tokens[index])] + features.row(index).map { Double($0) }
            return zip(product(fc, input), bias).map { $0 + $1 }
        }
        let names = ["q", "k", "v", "o"]
        let attention = try names.map { try matrix("layers.0.self_attn.\($0)_proj.weight") }
        let size = hidden / EagleHeadTests.heads
        func rotated(_ x: [Double], _ position: Int) -> [Double] {
            var result = x
            for head in 0..<EagleHeadTests.heads {
                for pair in 0..<size / 2 {
                    let angle = Double(position) * pow(10000, -2 * Double(pair) / Double(size))
                    let (a, b) = (x[head * size + pair], x[head * size + pair + size / 2])
                    result[head * size + pair] = a * cos(angle) - b * sin(angle)
                    result[head * size + pair + size / 2] = b * cos(angle) + a * sin(angle)
                }
            }
            return result
        }
        let queries = rows.indices.map { rotated(product(attention[0], rows[$0]), $0) }
        let keys = rows.indices.map { rotated(product(attention[1], rows[$0]), $0) }
        let values = rows.map { product(attention[2], $0) }
        let norm = try matrix("layers.0.post_attention_layernorm.weight")[0]
        let mlp = try ["gate", "up", "down"].map { try matrix("layers.0.mlp.\($0)_proj.weight") }
        return rows.indices.map { row in
            var attended = [Double](repeating: 0, count: hidden)
            for head in 0..<EagleHeadTests.heads {
                let part = head * size..<(head + 1) * size
                let scores = (0...row).map { other in
                    exp(part.reduce(0) { $0 + queries[row][$1] * keys[other][$1] } / Double(size).squareRoot())
                }
                let total = scores.reduce(0, +)
                for column in part {
                    attended[column] = (0...row).reduce(0) { $0 + scores[$1] / total * values[$1][column] }
                }
            }
            let x = zip(rows[row], product(attention[3], attended)).map { $0 + $1 }
            let scale = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(hidden) + 1e-6).squareRoot()
            let normed = zip(x, norm).map { $0 * scale * $1 }
            let middle = zip(product(mlp[0], normed), product(mlp[1], normed)).map { $0 / (1 + exp(-$0)) * $1 }
            return zip(x, product(mlp[2], middle)).map { $0 + $1 }
        }
    }
}
