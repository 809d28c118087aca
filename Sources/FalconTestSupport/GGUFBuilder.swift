import FalconTensor

/// Writes small GGUF files for tests, byte by byte, and wrong ones as well.
package struct GGUFBuilder {
    package indirect enum Value {
        case uint8(UInt8), uint32(UInt32), int32(Int32), float32(Float), boolean(Bool), string(String), uint64(UInt64)
        case strings([String]), int32s([Int32]), float32s([Float]), booleans([UInt8])
        /// A value type's number and the bytes behind it.
        case raw(type: UInt32, [UInt8])
    }

    package struct Entry {
        package var name: String
        /// Row-major, as the reader gives it; the file has it reversed.
        package var shape: [Int]
        package var type: UInt32
        package var bytes: [UInt8]
        /// Where it lies behind the start of the data; `nil`: behind the one before it.
        package var offset: UInt64?
    }

    package var magic = Array("GGUF".utf8)
    package var version: UInt32 = 3
    package var keys: [(name: String, value: Value)] = []
    package var tensors: [Entry] = []
    package var alignment = 32
    /// Added to the numbers of keys and tensors that the header claims.
    package var extraKeys = 0, extraTensors = 0
    /// Whether the last tensor is followed by padding.
    package var padsEnd = true

    package init() {}

    package mutating func set(_ name: String, _ value: Value) {
        if let index = keys.firstIndex(where: { $0.name == name }) {
            keys[index].value = value
        } else {
            keys.append((name, value))
        }
    }

    package mutating func remove(_ name: String) { keys.removeAll { $0.name == name } }

    package mutating func add(
        _ name: String, _ shape: [Int], type: UInt32, _ bytes: [UInt8], offset: UInt64? = nil
    ) {
        tensors.append(Entry(name: name, shape: shape, type: type, bytes: bytes, offset: offset))
    }

    package mutating func add(_ name: String, _ tensor: Tensor) {
        add(name, tensor.shape, type: 0, tensor.bytes(as: .float32))
    }

    /// The whole file.
    package var bytes: [UInt8] {
        var header = magic + number(version)
        header += number(UInt64(tensors.count + extraTensors)) + number(UInt64(keys.count + extraKeys))
        for (name, value) in keys { header += text(name) + bytes(of: value) }
        var data: [UInt8] = []
        for tensor in tensors {
            header += text(tensor.name) + number(UInt32(tensor.shape.count))
            for size in tensor.shape.reversed() { header += number(UInt64(bitPattern: Int64(size))) }
            header += number(tensor.type) + number(tensor.offset ?? UInt64(data.count))
            data += tensor.bytes
            if padsEnd || tensor.name != tensors.last?.name { pad(&data) }
        }
        guard !tensors.isEmpty else { return header }
        pad(&header)
        return header + data
    }

    /// A string with its length.
    package func text(_ text: String) -> [UInt8] { number(UInt64(text.utf8.count)) + Array(text.utf8) }

    /// Little-endian bytes.
    package func number<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<MemoryLayout<Value>.size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func pad(_ bytes: inout [UInt8]) { while bytes.count % alignment != 0 { bytes.append(0) } }

    private func array(_ type: UInt32, _ count: Int) -> [UInt8] {
        number(UInt32(9)) + number(type) + number(UInt64(count))
    }

    private func bytes(of value: Value) -> [UInt8] {
        switch value {
        case .uint8(let value): number(UInt32(0)) + [value]
        case .uint32(let value): number(UInt32(4)) + number(value)
        case .int32(let value): number(UInt32(5)) + number(value)
        case .float32(let value): number(UInt32(6)) + number(value.bitPattern)
        case .boolean(let value): number(UInt32(7)) + [value ? 1 : 0]
        case .string(let value): number(UInt32(8)) + text(value)
        case .uint64(let value): number(UInt32(10)) + number(value)
        case .strings(let values): array(8, values.count) + values.flatMap(text)
        case .int32s(let values): array(5, values.count) + values.flatMap { number($0) }
        case .float32s(let values): array(6, values.count) + values.flatMap { number($0.bitPattern) }
        case .booleans(let values): array(7, values.count) + values
        case .raw(let type, let bytes): number(type) + bytes
        }
    }
}
