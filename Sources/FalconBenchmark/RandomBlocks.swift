import FalconTensor
import FalconWeights
import Foundation

/// A target of random weights in blocks, typed as llama.cpp's Q4_K_M: 4 bits, 6 where errors cost most.
enum RandomBlocks {
    /// Random blocks whose weights are about as large as trained ones.
    static func bytes(_ type: BlockType, count: Int) -> [UInt8] {
        precondition(type == .q4_K || type == .q6_K, "\(type.name) is no type of Q4_K_M")
        var source = RandomSource(seed: 1)
        let size = type.byteCount
        // 8 scales and minimums of 6 bits and 4-bit values, of mean zero; or signed scales and values of 6 bits.
        let halves: [(place: Int, value: Float)] = type == .q4_K ? [(0, 1e-4), (2, 7.5e-4)] : [(208, 2e-5)]
        let some = min(count, 509)
        var block = (0..<some * size).map { _ in UInt8(truncatingIfNeeded: source.next() >> 40) }
        for index in 0..<some {
            for (place, value) in halves {
                let half = Tensor([value], [1]).bytes(as: .float16)
                block.replaceSubrange(index * size + place..<index * size + place + 2, with: half)
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * size)
        while bytes.count < count * size { bytes += block.prefix(count * size - bytes.count) }
        return bytes
    }

    /// A matrix in a file of its own.
    static func matrix(_ type: BlockType, rows: Int, columns: Int, folder: String) throws -> StoredMatrix {
        let bytes = RandomBlocks.bytes(type, count: rows * columns / type.valueCount)
        let path = folder + "/\(UUID().uuidString)"
        try AtomicFile.write(path) { try $0.write(bytes) }
        return StoredMatrix(
            file: try MappedFile(path: path), range: 0..<bytes.count, blocks: type, rows: rows, columns: columns)
    }

    /// Runs `body` with a folder that is removed afterwards.
    static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("falcon-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    /// Whether a layer has 6 bits in its values and down projections, as llama.cpp chooses them.
    private static func hasMoreBits(_ layer: Int, of count: Int) -> Bool {
        layer < count / 8 || layer >= 7 * count / 8 || (layer - count / 8) % 3 == 2
    }

    /// Writes such a target as one GGUF file without a tokenizer.
    static func write(_ model: ModelConfiguration, to path: String) throws {
        var tensors: [(name: String, rows: Int?, columns: Int, type: BlockType)] = []
        let (hidden, wide) = (model.hiddenSize, model.intermediateSize)
        let (query, keyValue) = (model.headCount * model.headSize, model.keyValueHeadCount * model.headSize)
        tensors.append(("token_embd.weight", model.vocabularySize, hidden, .q4_K))
        tensors.append(("output.weight", model.vocabularySize, hidden, .q6_K))
        tensors.append(("output_norm.weight", nil, hidden, .q4_K))
        for layer in 0..<model.layerCount {
            let more: BlockType = hasMoreBits(layer, of: model.layerCount) ? .q6_K : .q4_K
            for (name, rows, columns, type) in [
                ("attn_norm", nil, hidden, .q4_K), ("attn_q", query, hidden, .q4_K),
                ("attn_k", keyValue, hidden, .q4_K),
                ("attn_v", keyValue, hidden, more), ("attn_output", hidden, query, .q4_K),
                ("ffn_norm", nil, hidden, .q4_K), ("ffn_gate", wide, hidden, .q4_K), ("ffn_up", wide, hidden, .q4_K),
                ("ffn_down", hidden, wide, more),
            ] as [(String, Int?, Int, BlockType)] {
                tensors.append(("blk.\(layer).\(name).weight", rows, columns, type))
            }
        }
        let entries: [(key: String, value: GGUFEntry)] = [
            ("general.architecture", .text("llama")), ("llama.embedding_length", .count(hidden)),
            ("llama.block_count", .count(model.layerCount)), ("llama.feed_forward_length", .count(wide)),
            ("llama.attention.head_count", .count(model.headCount)),
            ("llama.attention.head_count_kv", .count(model.keyValueHeadCount)),
            ("llama.attention.layer_norm_rms_epsilon", .number(1e-5)), ("llama.context_length", .count(4096)),
            ("llama.rope.freq_base", .number(10_000)),
        ]
        var header: [UInt8] = Array("GGUF".utf8)
        header.append(little: UInt32(3))
        header.append(little: UInt64(tensors.count))
        header.append(little: UInt64(entries.count))
        for (key, value) in entries {
            header.append(text: key)
            value.append(to: &header)
        }
        var offset = 0
        for (name, rows, columns, type) in tensors {
            header.append(text: name)
            header.append(little: UInt32(rows == nil ? 1 : 2))
            header.append(little: UInt64(columns))
            if let rows { header.append(little: UInt64(rows)) }
            header.append(little: rows == nil ? UInt32(0) : type.rawValue)
            header.append(little: UInt64(offset))
            offset += padded(byteCount(rows, columns, type))
        }
        header += [UInt8](repeating: 0, count: padded(header.count) - header.count)
        try AtomicFile.write(path) { file in
            try file.write(header)
            for (_, rows, columns, type) in tensors {
                let count = byteCount(rows, columns, type)
                var bytes =
                    rows.map { RandomBlocks.bytes(type, count: $0 * columns / type.valueCount) }
                    ?? Tensor(repeating: 1, [columns]).bytes(as: .float32)
                bytes += [UInt8](repeating: 0, count: padded(count) - count)
                try file.write(bytes)
            }
        }
    }

    private static func byteCount(_ rows: Int?, _ columns: Int, _ type: BlockType) -> Int {
        rows.map { $0 * columns / type.valueCount * type.byteCount } ?? columns * 4
    }

    private static func padded(_ count: Int) -> Int { (count + 31) / 32 * 32 }
}

/// A value of a GGUF file's header.
private enum GGUFEntry {
    case text(String), count(Int), number(Float)

    func append(to bytes: inout [UInt8]) {
        switch self {
        case .text(let text):
            bytes.append(little: UInt32(8))
            bytes.append(text: text)
        case .count(let count):
            bytes.append(little: UInt32(4))
            bytes.append(little: UInt32(count))
        case .number(let number):
            bytes.append(little: UInt32(6))
            bytes.append(little: number.bitPattern)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(little value: some FixedWidthInteger) {
        for byte in 0..<value.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
    }

    fileprivate mutating func append(text: String) {
        append(little: UInt64(text.utf8.count))
        self += Array(text.utf8)
    }
}
