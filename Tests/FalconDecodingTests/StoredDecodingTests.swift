import FalconDecoding
import FalconModels
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Decoding with targets whose weights are in blocks, of several types in each layer.
@Suite struct StoredDecodingTests {
    private static let vocabulary = 48

    /// The type's number, and random blocks whose weights are about 0.1.
    private static func random(_ type: BlockType, count: Int, _ source: inout RandomSource) -> [UInt8] {
        let halves: [(place: Int, value: Float)] =
            switch type {
            case .q4_K: [(0, 5e-4), (2, 3.7e-3)]
            case .q5_K: [(0, 2.5e-4), (2, 3.9e-3)]
            case .q6_K: [(208, 1e-4)]
            case .q3_K: [(108, 3e-3)]
            case .q2_K: [(80, 0.01), (82, 0.015)]
            case .q4_1: [(0, 0.02), (2, -0.15)]
            case .q5_0: [(0, 0.01)]
            case .iq4_nl: [(0, 0.002)]
            default: []
            }
        var bytes = (0..<count / type.valueCount * type.byteCount).map { _ in
            UInt8(truncatingIfNeeded: source.next() >> 32)
        }
        for block in 0..<count / type.valueCount {
            for (place, value) in halves {
                let half = Tensor([value], [1]).bytes(as: .float16)
                let start = block * type.byteCount + place
                bytes.replaceSubrange(start..<start + 2, with: half)
            }
        }
        return bytes
    }

    /// Values in blocks of 32 bytes and a scale.
    private static func bytes(of values: [Float]) -> [UInt8] {
        stride(from: 0, to: values.count, by: 32).flatMap { start -> [UInt8] in
            let group = values[start..<start + 32]
            let scale = (group.map(abs).max() ?? 0) / 127
            let whole = group.map { UInt8(bitPattern: Int8(scale > 0 ? ($0 / scale).rounded() : 0)) }
            return Tensor([scale], [1]).bytes(as: .float16) + whole
        }
    }

    /// A target in one file; a few tokens have so large rows in its LM head that a random draft head often guesses
    /// right.
    private static func target(in folder: TemporaryFolder, ends: BlockType? = nil) throws -> String {
        var shape = GGUFBuilder.Shape()
        (shape.hidden, shape.heads, shape.keyValueHeads, shape.headSize) = (256, 4, 2, 64)
        (shape.wide, shape.vocabulary) = (256, vocabulary)
        var file = GGUFBuilder.model(shape)
        file.set("llama.context_length", .uint32(512))
        var source = RandomSource(seed: 3)
        let types: [(String, BlockType)] = [
            ("attn_q", .q4_K), ("attn_k", .q5_0), ("attn_v", .q6_K), ("attn_output", .q5_K), ("ffn_gate", .q4_1),
            ("ffn_up", .iq4_nl), ("ffn_down", .q3_K),
        ]
        for index in file.tensors.indices {
            let (name, shape) = (file.tensors[index].name, file.tensors[index].shape)
            let count = shape.reduce(1, *)
            if name == "token_embd.weight" || name == "output.weight" {
                var values = Tensor(normal: 1, [count], from: &source).scalars
                if name == "output.weight" { for place in 0..<5 * 256 { values[place] *= 5 } }
                file.tensors[index].type = (ends ?? .q8_0).rawValue
                file.tensors[index].bytes =
                    ends.map { random($0, count: count, &source) } ?? bytes(of: values)
            } else if let (_, type) = types.first(where: { name.hasSuffix("." + $0.0 + ".weight") }) {
                file.tensors[index].type = type.rawValue
                file.tensors[index].bytes = random(type, count: count, &source)
            }
        }
        let path = folder.file("target.gguf")
        try AtomicFile.write(path) { try $0.write(file.bytes) }
        return path
    }

    @Test(arguments: [nil, .int4, .int8] as [ProductArithmetic?])
    func `A quantised target decodes with a head what it decodes plainly`(_ asked: ProductArithmetic?) throws {
        let folder = try TemporaryFolder()
        let path = try StoredDecodingTests.target(in: folder)
        var accepted = 0
        for threads in [1, 3] {
            let pool = ThreadPool(threadCount: threads)
            let target = try TargetModel(folder: path, arithmetic: asked, pool: pool)
            #expect(target.ends.arithmetic == asked ?? .stored)
            let prompts = [1, 9, 40].map { length in (0..<length).map { Int32($0 * 7 % 47) } }
            accepted += try RandomHeads.compare(
                target, prompts: prompts, stop: StopRule(endTokens: [47], maximumTokens: 60), pool: pool)
        }
        #expect(accepted > 10)
    }

    @Test func `A trained target in 4 bits decodes with a head what it decodes plainly`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let pool = ThreadPool(threadCount: 2)
        let target = try TargetModel(folder: shared + "/targets/chat-1m", arithmetic: .int4, pool: pool)
        let prompts = (0..<4).map { start in
            (0..<6).map { Int32((start * 97 + $0 * 31) % target.configuration.vocabularySize) }
        }
        _ = try RandomHeads.compare(
            target, prompts: prompts, stop: StopRule(endTokens: [], maximumTokens: 50), fusions: [.gated], pool: pool)
    }

    @Test func `Blocks without a product of their own are refused by name, and taken in 8 bits unasked`() throws {
        let folder = try TemporaryFolder()
        let path = try StoredDecodingTests.target(in: folder, ends: .q2_K)
        let pool = ThreadPool(threadCount: 1)
        let error = #expect(throws: FileError.self) {
            try TargetModel(folder: path, arithmetic: .stored, pool: pool)
        }
        let line = error.map { "\($0)" } ?? ""
        #expect(line.contains("lm_head.weight") && line.contains("Q2_K") && line.contains("--precision int8"))
        #expect(try TargetModel(folder: path, arithmetic: nil, pool: pool).ends.arithmetic == .int8)
        #expect(try TargetModel(folder: path, pool: pool).ends.arithmetic == .float32)
    }
}
