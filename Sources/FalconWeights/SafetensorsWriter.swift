import FalconJSON
import FalconTensor

/// Writes `.safetensors` files.
package enum SafetensorsWriter {
    /// A tensor that is made when its turn comes, so that no two such need memory at once.
    package struct Deferred {
        let name: String
        let shape: [Int]
        let make: () throws -> Tensor

        /// - Parameter make: gives a tensor of the shape; called once.
        package init(name: String, shape: [Int], make: @escaping () throws -> Tensor) {
            (self.name, self.shape, self.make) = (name, shape, make)
        }
    }

    /// Creates or replaces a file of tensors in float32 that are made one after the other.
    ///
    /// - Throws: `FileError` where the disk fails, or what making a tensor threw; the file is then as it was.
    package static func write(_ path: String, deferred tensors: [Deferred]) throws {
        let type = ElementType.float32
        let entries = tensors.map {
            Entry(name: $0.name, dtype: type.safetensorsName, shape: $0.shape, size: type.size)
        }
        try AtomicFile.write(path) { file in
            let header = header(entries, metadata: [:])
            try file.write(UInt64(header.count).littleEndianBytes)
            try file.write(header)
            for entry in tensors {
                let tensor = try entry.make()
                precondition(tensor.shape == entry.shape, "\(entry.name) has the shape \(tensor.shape)")
                try write(tensor, entry.name, as: type, to: file, path: path)
            }
        }
    }

    /// Creates or replaces a file, whole or not at all.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - matrices: written first, widened or narrowed a few rows at a time.
    ///   - tensors: written in this order; a name twice is the caller's error and traps.
    ///   - type: how the values are written; float16 and bfloat16 round to nearest even.
    ///   - integers: tensors of whole numbers, written first, as int64.
    ///   - masks: vectors of truth values, written behind them.
    ///   - metadata: notes for `__metadata__`. Hugging Face's loader wants `format: pt` there, so it is added.
    /// - Throws: `FileError` where the disk fails or a finite value is too large for float16.
    package static func write(
        _ path: String, matrices: [(name: String, matrix: StoredMatrix)] = [],
        tensors: [(name: String, tensor: Tensor)], as type: ElementType = .float32,
        integers: [(name: String, values: [Int64], shape: [Int])] = [], masks: [(name: String, values: [Bool])] = [],
        metadata: [String: String] = [:]
    ) throws {
        var entries: [Entry] = integers.map { Entry(name: $0.name, dtype: "I64", shape: $0.shape, size: 8) }
        entries += masks.map { Entry(name: $0.name, dtype: "BOOL", shape: [$0.values.count], size: 1) }
        entries += matrices.map {
            Entry(
                name: $0.name, dtype: type.safetensorsName, shape: [$0.matrix.rows, $0.matrix.columns], size: type.size)
        }
        entries += tensors.map {
            Entry(name: $0.name, dtype: type.safetensorsName, shape: $0.tensor.shape, size: type.size)
        }
        let names = entries.map(\.name)
        precondition(Set(names).count == names.count, "a tensor name occurs twice")
        precondition(!names.contains("__metadata__"), "__metadata__ is not a tensor's name")
        for (name, values, shape) in integers {
            precondition(values.count == shape.reduce(1, *), "\(values.count) values of '\(name)' for shape \(shape)")
        }
        try AtomicFile.write(path) { file in
            let header = header(entries, metadata: metadata)
            try file.write(UInt64(header.count).littleEndianBytes)
            try file.write(header)
            for (_, values, _) in integers { try file.write(values.flatMap(\.littleEndianBytes)) }
            for (_, values) in masks { try file.write(values.map { $0 ? 1 : 0 }) }
            for (name, matrix) in matrices {
                try parts(of: matrix.rows, width: matrix.columns) { rows in
                    let part = matrix.gather(rows.map { Int32($0) })
                    try file.write(try part.checkedBytes(as: type, name: name, path: path))
                }
            }
            for (name, tensor) in tensors {
                try write(tensor, name, as: type, to: file, path: path)
            }
        }
    }

    private static func write(
        _ tensor: Tensor, _ name: String, as type: ElementType, to file: AtomicFile, path: String
    ) throws {
        try parts(of: tensor.rowCount, width: tensor.width) { rows in
            let part = rows.count == tensor.rowCount ? tensor : tensor.rows(rows)
            try file.write(try part.checkedBytes(as: type, name: name, path: path))
        }
    }

    /// Cuts rows into parts of about a million values, so that no large tensor is copied as a whole.
    private static func parts(of rows: Int, width: Int, _ body: (Range<Int>) throws -> Void) rethrows {
        let size = max(1, (1 << 20) / max(1, width))
        for start in stride(from: 0, to: rows, by: size) { try body(start..<min(rows, start + size)) }
    }

    /// A tensor in the header.
    private struct Entry {
        let name: String
        let dtype: String
        let shape: [Int]
        /// Bytes of one value.
        let size: Int
    }

    private static func header(_ entries: [Entry], metadata: [String: String]) -> [UInt8] {
        var notes = JSONObject()
        for (key, text) in metadata.merging(["format": "pt"], uniquingKeysWith: { given, _ in given })
            .sorted(by: { $0.key < $1.key })
        {
            notes[key] = .string(text)
        }
        var object = JSONObject()
        object["__metadata__"] = .object(notes)
        var start = 0
        for entry in entries {
            let end = start + entry.shape.reduce(entry.size, *)
            var fields = JSONObject()
            fields["dtype"] = .string(entry.dtype)
            fields["shape"] = .array(entry.shape.map { .integer($0) })
            fields["data_offsets"] = .array([.integer(start), .integer(end)])
            object[entry.name] = .object(fields)
            start = end
        }
        var header = Array(JSONValue.object(object).text().utf8)
        // Spaces up to a multiple of 8, so that the data is aligned for readers that map the file.
        header.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8))
        return header
    }
}

extension FixedWidthInteger {
    /// The bytes of the number, lowest first.
    var littleEndianBytes: [UInt8] {
        (0..<bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}
