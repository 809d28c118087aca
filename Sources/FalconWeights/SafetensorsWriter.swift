import FalconTensor

/// Writes `.safetensors` files.
package enum SafetensorsWriter {
    /// Creates or replaces a file, whole or not at all.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - tensors: written in this order; a name twice is the caller's error and traps.
    ///   - type: how the values are written; float16 and bfloat16 round to nearest even.
    ///   - metadata: notes for `__metadata__`. Hugging Face's loader wants `format: pt` there, so it is added.
    /// - Throws: `FileError` where the disk fails or a finite value is too large for float16.
    package static func write(
        _ path: String, tensors: [(name: String, tensor: Tensor)], as type: ElementType = .float32,
        metadata: [String: String] = [:]
    ) throws {
        precondition(Set(tensors.map(\.name)).count == tensors.count, "a tensor name occurs twice")
        precondition(!tensors.contains { $0.name == "__metadata__" }, "__metadata__ is not a tensor's name")
        try AtomicFile.write(path) { file in
            let header = header(tensors, as: type, metadata: metadata)
            try file.write(UInt64(header.count).littleEndianBytes)
            try file.write(header)
            for (name, tensor) in tensors {
                try file.write(try tensor.checkedBytes(as: type, name: name, path: path))
            }
        }
    }

    private static func header(
        _ tensors: [(name: String, tensor: Tensor)], as type: ElementType, metadata: [String: String]
    ) -> [UInt8] {
        var notes = JSONObject()
        for (key, text) in metadata.merging(["format": "pt"], uniquingKeysWith: { given, _ in given })
            .sorted(by: { $0.key < $1.key })
        {
            notes[key] = .string(text)
        }
        var object = JSONObject()
        object["__metadata__"] = .object(notes)
        var start = 0
        for (name, tensor) in tensors {
            let end = start + tensor.count * type.size
            var entry = JSONObject()
            entry["dtype"] = .string(type.safetensorsName)
            entry["shape"] = .array(tensor.shape.map { .integer($0) })
            entry["data_offsets"] = .array([.integer(start), .integer(end)])
            object[name] = .object(entry)
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
