/// What the pickle of a checkpoint may hold.
///
/// Sequences, dictionaries, storages and tensors are kept in the machine's own tables and named by their index, so
/// that values nested ten thousand deep are freed, as they were made, without recursion.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    /// A whole number of more than 64 bits: its bytes, lowest first.
    case largeInteger([UInt8])
    case real(Double)
    case text(String)
    case bytes
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(Int)
    case tensor(Int)
    /// Where a run of values begins on the stack.
    case mark

    /// A word for messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .boolean: "a truth value"
        case .integer, .largeInteger, .real: "a number"
        case .text: "text"
        case .bytes: "bytes"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global: "a class"
        case .storage: "a bare storage"
        case .tensor: "a tensor"
        case .mark: "a mark"
        }
    }
}

/// The only names that a checkpoint may call for. A pickle can name any function of the machine that reads it and
/// have it called; here a name is one of these or the file is refused, and what they do is built in.
enum PickleGlobal: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case storageType(StoredType)

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", _):
            guard let match = StoredType.torchStorages.first(where: { $0.name == name }) else { return nil }
            self = .storageType(match.type)
        default: return nil
        }
    }
}

/// A run of values in the file that tensors look into.
struct TorchStorage: Equatable {
    let key: String
    let type: StoredType
    /// In values.
    let count: Int
}

/// A view into a storage. Sizes, offset and strides are in values and not yet checked against the storage.
struct TorchTensor {
    let storage: Int
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

extension StoredType {
    static let torchStorages: [(name: String, type: StoredType)] = [
        ("DoubleStorage", .float64), ("FloatStorage", .float32), ("HalfStorage", .float16),
        ("BFloat16Storage", .bfloat16), ("LongStorage", .int64), ("IntStorage", .int32), ("ShortStorage", .int16),
        ("CharStorage", .int8), ("ByteStorage", .uint8), ("BoolStorage", .boolean),
    ]
}
