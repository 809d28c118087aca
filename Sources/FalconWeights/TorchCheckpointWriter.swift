import FalconTensor

/// Writes `pytorch_model.bin`: a dictionary of tensors as `torch.save` writes it, which
/// `torch.load(weights_only=True)` reads.
package enum TorchCheckpointWriter {
    /// Creates or replaces a file, whole or not at all.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - tensors: written in this order; a name twice is the caller's error and traps.
    ///   - type: how the values are written; float16 and bfloat16 round to nearest even.
    ///   - integers, masks: vectors of whole numbers and of truth values, written behind the tensors.
    /// - Throws: `FileError` where the disk fails or a finite value is too large for float16.
    package static func write(
        _ path: String, tensors: [(name: String, tensor: Tensor)], as type: ElementType = .float32,
        integers: [(name: String, values: [Int64])] = [], masks: [(name: String, values: [Bool])] = []
    ) throws {
        let entries =
            tensors.map { Entry(name: $0.name, shape: $0.tensor.shape, storage: type.torchStorageName) }
            + integers.map { Entry(name: $0.name, shape: [$0.values.count], storage: "LongStorage") }
            + masks.map { Entry(name: $0.name, shape: [$0.values.count], storage: "BoolStorage") }
        precondition(Set(entries.map(\.name)).count == entries.count, "a tensor name occurs twice")
        try AtomicFile.write(path) { file in
            var archive = ZipWriter(file)
            try archive.add("archive/data.pkl", pickle(entries))
            try archive.add("archive/byteorder", Array("little".utf8))
            for (index, (name, tensor)) in tensors.enumerated() {
                try archive.add("archive/data/\(index)", try tensor.checkedBytes(as: type, name: name, path: path))
            }
            for (index, (_, values)) in integers.enumerated() {
                try archive.add("archive/data/\(tensors.count + index)", values.flatMap(\.littleEndianBytes))
            }
            for (index, (_, values)) in masks.enumerated() {
                try archive.add("archive/data/\(tensors.count + integers.count + index)", values.map { $0 ? 1 : 0 })
            }
            try archive.add("archive/version", Array("3\n".utf8))
            try archive.finish()
        }
    }

    /// A tensor of the dictionary, and the class that holds its values.
    private struct Entry {
        let name: String
        let shape: [Int]
        let storage: String
    }

    /// The program that builds the dictionary, in the instructions of pickle's protocol 2.
    private static func pickle(_ tensors: [Entry]) -> [UInt8] {
        var program: [UInt8] = [0x80, 2]
        program += dictionary
        program += [0x28]  // mark
        for (index, entry) in tensors.enumerated() {
            let (shape, count) = (entry.shape, entry.shape.reduce(1, *))
            program += text(entry.name)
            program += global("torch._utils", "_rebuild_tensor_v2")
            program += [0x28]
            program += [0x28] + text("storage") + global("torch", entry.storage)
            program += text("\(index)") + text("cpu") + integer(count)
            program += [0x74, 0x51]  // tuple, persistent id
            program += integer(0)
            program += tuple(shape)
            program += tuple(rowMajorStrides(shape))
            program += [0x89] + dictionary  // requires_grad false, no hooks
            program += [0x74, 0x52]  // tuple, call
        }
        return program + [0x75, 0x2E]  // set members, stop
    }

    /// A call of `collections.OrderedDict()`.
    private static var dictionary: [UInt8] { global("collections", "OrderedDict") + [0x29, 0x52] }

    private static func global(_ module: String, _ name: String) -> [UInt8] {
        [0x63] + Array(module.utf8) + [0x0A] + Array(name.utf8) + [0x0A]
    }

    private static func text(_ text: String) -> [UInt8] {
        [0x58] + UInt32(text.utf8.count).littleEndianBytes + Array(text.utf8)
    }

    private static func tuple(_ values: [Int]) -> [UInt8] { [0x28] + values.flatMap(integer) + [0x74] }

    private static func integer(_ value: Int) -> [UInt8] {
        if let small = UInt8(exactly: value) { return [0x4B, small] }
        if let middle = Int32(exactly: value) { return [0x4A] + middle.littleEndianBytes }
        return [0x8A, 8] + Int64(value).littleEndianBytes
    }

    private static func rowMajorStrides(_ shape: [Int]) -> [Int] {
        var strides: [Int] = []
        var step = 1
        for size in shape.reversed() {
            strides.insert(step, at: 0)
            step *= max(size, 1)
        }
        return strides
    }
}

extension ElementType {
    fileprivate var torchStorageName: String {
        switch self {
        case .float32: "FloatStorage"
        case .float16: "HalfStorage"
        case .bfloat16: "BFloat16Storage"
        }
    }
}

extension Tensor {
    /// The values as bytes for a file.
    ///
    /// - Throws: `FileError` where a finite value becomes infinite, as those above 65504 do in float16.
    func checkedBytes(as type: ElementType, name: String, path: String) throws -> [UInt8] {
        let bytes = bytes(as: type)
        if type == .float16, isFinite, !Tensor(bytes: bytes, as: type, shape).isFinite {
            throw FileError(path, "tensor '\(name)' holds values too large for float16; write bfloat16 or float32")
        }
        return bytes
    }
}
