import FalconJSON
import FalconTensor

/// A `.safetensors` file, mapped and checked whole when it is opened.
///
/// ```
/// | 8 bytes: length N of the header | N bytes: JSON {"name": {"dtype", "shape", "data_offsets"}, ...} | data |
/// ```
/// The tensors must fill the data without gap or overlap, as the format's own reader demands: a header that lies
/// about sizes is refused before anything is allocated.
package struct SafetensorsFile: Sendable {
    package let path: String
    /// The tensors in the order of the header.
    package let names: [String]
    /// What the writer noted under `__metadata__`.
    package let metadata: [String: String]
    private let tensors: [String: StoredTensor]

    /// The longest header that the format allows, in bytes.
    private static let longestHeader = 100_000_000

    /// - Throws: `FileError` with one line that says what of the file is wrong.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        do {
            try self.init(file)
        } catch {
            // What is no safetensors file at all is better called by its own name.
            let start = file.bytes(0..<min(file.count, FileSignature.length))
            if let problem = FileSignature.problem(beginning: start) { throw FileError(path, problem) }
            throw error
        }
    }

    private init(_ file: MappedFile) throws {
        let path = file.path
        guard file.count >= 8 else { throw FileError(path, "is too short for a safetensors file") }
        let length = file.integer(UInt64.self, at: 0)
        guard length <= UInt64(file.count - 8) else {
            throw FileError(path, "its header claims \(length) bytes, the file has \(file.count): cut off or damaged")
        }
        guard length <= UInt64(SafetensorsFile.longestHeader) else {
            throw FileError(path, "its header of \(length) bytes is longer than the format allows")
        }
        let start = 8 + Int(length)
        let document = try JSONValue(parsing: file.bytes(8..<start), from: path, part: "the header")
        guard let header = document.object else {
            throw FileError(path, "the header is \(document.kind), not an object of tensors")
        }

        var tensors: [String: StoredTensor] = [:]
        var metadata: [String: String] = [:]
        for member in header.members {
            if member.key == "__metadata__" {
                metadata = try SafetensorsFile.metadata(member.value, path: path)
                continue
            }
            let tensor = try SafetensorsFile.tensor(member.key, member.value, file: file, dataStart: start)
            guard tensors.updateValue(tensor, forKey: member.key) == nil else {
                throw FileError(path, "the name '\(member.key)' occurs in two Unicode spellings: rename one tensor")
            }
        }
        try SafetensorsFile.checkCoverage(of: tensors, from: start, file: file)
        self.path = path
        self.names = header.keys.filter { $0 != "__metadata__" }
        self.metadata = metadata
        self.tensors = tensors
    }

    /// Where the tensor lies in the file, or `nil` where the file does not hold it.
    package func stored(_ name: String) -> StoredTensor? { tensors[name] }

    /// The values of a tensor, widened to float32.
    ///
    /// - Throws: `FileError` where the file does not hold it or holds whole numbers.
    package func tensor(_ name: String) throws -> Tensor { try required(name).tensor() }

    /// The values of a tensor of whole numbers in row-major order.
    ///
    /// - Throws: `FileError` where the file does not hold it or holds real numbers.
    package func integers(_ name: String) throws -> [Int64] { try required(name).integers() }

    private func required(_ name: String) throws -> StoredTensor {
        guard let tensor = tensors[name] else { throw FileError(path, "holds no tensor '\(name)'") }
        return tensor
    }

    private static func metadata(_ entry: JSONValue, path: String) throws -> [String: String] {
        guard let object = entry.object else { throw FileError(path, "__metadata__ is \(entry.kind), not an object") }
        var metadata: [String: String] = [:]
        for member in object.members {
            guard let text = member.value.string else {
                throw FileError(path, "__metadata__ '\(member.key)' is not text")
            }
            metadata[member.key] = text
        }
        return metadata
    }

    private static func tensor(
        _ name: String, _ entry: JSONValue, file: MappedFile, dataStart: Int
    ) throws -> StoredTensor {
        func refusal(_ problem: String) -> FileError { FileError(file.path, "tensor '\(name)' \(problem)") }
        guard let object = entry.object else { throw refusal("is \(entry.kind) in the header, not an object") }
        for key in object.keys where !["dtype", "shape", "data_offsets"].contains(key) {
            throw refusal("has an unknown entry '\(key)' in the header")
        }
        guard let typeName = object["dtype"]?.string else { throw refusal("has no dtype") }
        guard let type = StoredType(safetensors: typeName) else {
            throw refusal(
                "has the dtype \(typeName), which is not one of \(StoredType.safetensorsNames); "
                    + "8-bit and 4-bit floats are quantised weights: use the unquantised ones")
        }
        guard let sizes = object["shape"]?.array?.map(\.integer), !sizes.contains(where: { ($0 ?? -1) < 0 }) else {
            throw refusal("has no shape of whole, non-negative sizes")
        }
        let shape = sizes.compactMap(\.self)
        guard let ends = object["data_offsets"]?.array?.compactMap(\.integer), ends.count == 2 else {
            throw refusal("has no pair of data_offsets")
        }
        guard 0 <= ends[0], ends[0] <= ends[1], ends[1] <= file.count - dataStart else {
            throw refusal("lies at \(ends), outside the \(file.count - dataStart) bytes of data: cut off or damaged")
        }
        guard let size = byteCount(shape, type), size == ends[1] - ends[0] else {
            throw refusal("of shape \(shape) and dtype \(typeName) does not fit its \(ends[1] - ends[0]) bytes")
        }
        return StoredTensor(
            name: name, type: type, shape: shape, file: file, range: dataStart + ends[0]..<dataStart + ends[1])
    }

    /// Bytes of a tensor, or `nil` where their number does not fit 64 bits.
    static func byteCount(_ shape: [Int], _ type: StoredType) -> Int? {
        var total = type.size
        for size in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            total = product
        }
        return total
    }

    private static func checkCoverage(of tensors: [String: StoredTensor], from start: Int, file: MappedFile) throws {
        var end = start
        let ordered = tensors.values.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for tensor in ordered {
            guard tensor.range.lowerBound == end else {
                let fault = tensor.range.lowerBound < end ? "overlaps the one before it" : "follows unused bytes"
                throw FileError(file.path, "tensor '\(tensor.name)' \(fault): damaged header")
            }
            end = tensor.range.upperBound
        }
        guard end == file.count else {
            throw FileError(file.path, "\(file.count - end) bytes follow the last tensor: damaged")
        }
    }
}

extension StoredType {
    private static let safetensors: [(name: String, type: StoredType)] = [
        ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16),
        ("I64", .int64), ("I32", .int32), ("I16", .int16), ("I8", .int8),
        ("U64", .uint64), ("U32", .uint32), ("U16", .uint16), ("U8", .uint8), ("BOOL", .boolean),
    ]

    static var safetensorsNames: String { safetensors.map(\.name).joined(separator: ", ") }

    init?(safetensors name: String) {
        guard let match = StoredType.safetensors.first(where: { $0.name == name }) else { return nil }
        self = match.type
    }
}

extension ElementType {
    /// The format's name for the type.
    var safetensorsName: String {
        switch self {
        case .float32: "F32"
        case .float16: "F16"
        case .bfloat16: "BF16"
        }
    }
}
