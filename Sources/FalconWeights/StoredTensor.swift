import FalconTensor

/// How the numbers of a tensor are written in a model file.
package enum StoredType: String, Sendable, CaseIterable {
    case float64, float32, float16, bfloat16
    case int64, int32, int16, int8, uint64, uint32, uint16, uint8, boolean

    /// Bytes of one value.
    package var size: Int {
        switch self {
        case .float64, .int64, .uint64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .int8, .uint8, .boolean: 1
        }
    }

    /// The same type where it is one that weights may have, `nil` for float64 and whole numbers.
    package var elementType: ElementType? { ElementType(rawValue: rawValue) }

    package var isFloatingPoint: Bool { self == .float64 || elementType != nil }
}

/// A tensor that lies in a mapped file: where, how wide, and in which order. Nothing is read before it is asked for.
///
/// ```
/// file   ... | storage: range of the file                      | ...
///              ^ firstByte + (sum of index * stride) * type.size
/// ```
package struct StoredTensor: Sendable {
    /// The name under which the file holds it.
    package let name: String
    /// Of the values; of values in blocks what they stand for, float32.
    package let type: StoredType
    /// How the values are written where that is in blocks, rows of whole blocks each.
    package let blocks: BlockType?
    package let shape: [Int]
    package let file: MappedFile
    /// The bytes of the file that hold the values, or, where `strides` is set, that the values are picked from.
    package let range: Range<Int>
    /// Steps in values along each axis, where the values do not lie contiguously in row-major order.
    let strides: [Int]?
    /// Where each row lies.
    package private(set) var rowOrder: RowOrder

    init(
        name: String, type: StoredType, shape: [Int], file: MappedFile, range: Range<Int>, strides: [Int]? = nil
    ) {
        self.name = name
        self.type = type
        blocks = nil
        rowOrder = .asStored
        self.shape = shape
        self.file = file
        self.range = range
        self.strides = strides
    }

    /// A tensor in blocks.
    init(name: String, blocks: BlockType, shape: [Int], file: MappedFile, range: Range<Int>) {
        (self.name, type, self.blocks, self.shape) = (name, .float32, blocks, shape)
        (self.file, self.range, strides, rowOrder) = (file, range, nil, .asStored)
    }

    /// The same values under another name, and with rows in another order.
    package func renamed(_ name: String, rowOrder: RowOrder = .asStored) -> StoredTensor {
        var tensor =
            blocks.map { StoredTensor(name: name, blocks: $0, shape: shape, file: file, range: range) }
            ?? StoredTensor(name: name, type: type, shape: shape, file: file, range: range, strides: strides)
        tensor.rowOrder = rowOrder
        return tensor
    }

    /// How the values are written, for lists and fingerprints: a type's name, or that of its blocks.
    package var encoding: String { blocks?.name ?? type.rawValue }

    /// Bytes that the values take up in the file.
    package var byteCount: Int { blocks == nil ? count * type.size : range.count }

    /// Whether the bytes of `range` are the values in row-major order, so that weights can be packed from the map.
    package var isContiguous: Bool { strides == nil }

    /// The values as a matrix that stays in the file, or `nil` where they cannot be used from there. All axes but the
    /// last count as rows; a vector whose order is not that of the file is a column.
    package var matrix: StoredMatrix? {
        guard let elementType = type.elementType, isContiguous else { return nil }
        let width = shape.count == 1 && rowOrder != .asStored ? 1 : shape.last ?? 1
        let rows = width == 0 ? 0 : count / width
        if let blocks {
            guard width.isMultiple(of: blocks.valueCount) else { return nil }
            return StoredMatrix(
                file: file, range: range, blocks: blocks, rows: rows, columns: width, rowOrder: rowOrder)
        }
        return StoredMatrix(
            file: file, range: range, type: elementType, rows: rows, columns: width, rowOrder: rowOrder)
    }

    /// The number of values.
    package var count: Int { shape.reduce(1, *) }

    /// The values widened to float32: exact for float16 and bfloat16, rounded for float64.
    ///
    /// - Throws: `FileError` where the file holds whole numbers.
    package func tensor() throws -> Tensor {
        if blocks != nil || rowOrder != .asStored {
            guard let matrix else {
                throw FileError(file.path, "tensor '\(name)' is written as \(encoding), which a vector cannot be")
            }
            return matrix.tensor().reshaped(shape)
        }
        if let elementType = type.elementType {
            guard isContiguous else { return Tensor(bytes: gatheredBytes(), as: elementType, shape) }
            return Tensor(file: file, range: range, as: elementType, shape)
        }
        guard type == .float64 else {
            throw FileError(file.path, "tensor '\(name)' holds \(type.rawValue) values where real numbers are needed")
        }
        let values = offsets().map { Float(Double(bitPattern: file.integer(UInt64.self, at: $0))) }
        return Tensor(values, shape)
    }

    /// Whether no value is infinite or not a number.
    ///
    /// - Parameter releasesPages: whether the memory of mapped pages is given back at once.
    /// - Throws: as `tensor`.
    package func isFinite(on pool: ThreadPool? = nil, releasesPages: Bool = false) throws -> Bool {
        if blocks != nil, let matrix { return matrix.isFinite(releasesPages: releasesPages, on: pool) }
        guard let elementType = type.elementType, isContiguous else { return try tensor().isFinite }
        return file.isFinite(range, as: elementType, releasesPages: releasesPages, on: pool)
    }

    /// Whether another tensor has the same shape and holds the same numbers, in whatever type.
    package func hasSameValues(as other: StoredTensor) -> Bool {
        guard shape == other.shape, type.isFloatingPoint, other.type.isFloatingPoint else { return false }
        if encoding == other.encoding, rowOrder == other.rowOrder, isContiguous, other.isContiguous,
            file.hasSameBytes(range, as: other.range, of: other.file)
        {
            return true
        }
        guard let left = try? tensor(), let right = try? other.tensor() else { return false }
        return left == right
    }

    /// The values of a tensor of whole numbers (`boolean`: 0 and 1) in row-major order.
    ///
    /// - Throws: `FileError` where the file holds real numbers, or one that does not fit 64 bits with a sign.
    package func integers() throws -> [Int64] {
        let offsets = offsets()
        switch type {
        case .int64: return offsets.map { file.integer(Int64.self, at: $0) }
        case .int32: return offsets.map { Int64(file.integer(Int32.self, at: $0)) }
        case .int16: return offsets.map { Int64(file.integer(Int16.self, at: $0)) }
        case .int8: return offsets.map { Int64(file.integer(Int8.self, at: $0)) }
        case .uint8: return offsets.map { Int64(file[$0]) }
        case .uint16: return offsets.map { Int64(file.integer(UInt16.self, at: $0)) }
        case .uint32: return offsets.map { Int64(file.integer(UInt32.self, at: $0)) }
        case .boolean: return offsets.map { file[$0] == 0 ? 0 : 1 }
        case .uint64:
            return try offsets.map {
                guard let value = Int64(exactly: file.integer(UInt64.self, at: $0)) else {
                    throw FileError(file.path, "tensor '\(name)' holds a number of more than 63 bits")
                }
                return value
            }
        case .float64, .float32, .float16, .bfloat16:
            throw FileError(file.path, "tensor '\(name)' holds \(type.rawValue) values where whole numbers are needed")
        }
    }

    /// The place in the file of each value, in row-major order.
    private func offsets() -> [Int] {
        guard let strides else { return (0..<count).map { range.lowerBound + $0 * type.size } }
        var offsets: [Int] = []
        offsets.reserveCapacity(count)
        guard count > 0 else { return offsets }
        var index = [Int](repeating: 0, count: shape.count)
        var position = range.lowerBound
        while true {
            offsets.append(position)
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                position += strides[axis] * type.size
                if index[axis] < shape[axis] { break }
                position -= index[axis] * strides[axis] * type.size
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return offsets }
        }
    }

    /// The bytes of the values, put into row-major order.
    private func gatheredBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * type.size)
        for offset in offsets() {
            for byte in offset..<offset + type.size { bytes.append(file[byte]) }
        }
        return bytes
    }
}
