import FalconTensor

/// Runs the pickle of a checkpoint: a stack machine whose instructions build values, one after the other.
///
/// Only the instructions that plain data needs are there, and the only calls are those of `PickleGlobal`. It never
/// recurses, and all it allocates is bounded by the bytes that it reads.
struct PickleMachine {
    private let file: MappedFile
    private let end: Int
    /// The next byte; after `run`, the one after the pickle.
    private(set) var position: Int
    private var stack: [PickleValue] = []
    private var memo: [Int: PickleValue] = [:]
    private(set) var sequences: [[PickleValue]] = []
    private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    private(set) var storages: [TorchStorage] = []
    private(set) var tensors: [TorchTensor] = []

    /// - Parameter range: the bytes that the pickle may take up.
    init(_ file: MappedFile, _ range: Range<Int>) {
        self.file = file
        position = range.lowerBound
        end = range.upperBound
    }

    /// Runs one pickle to its STOP and returns the value that is left.
    ///
    /// - Throws: `FileError` for an instruction, a name or a form that has no place in a checkpoint.
    mutating func run() throws -> PickleValue {
        while true {
            let code = try byte()
            // "." STOP
            if code == 0x2E { return try pop() }
            try execute(code)
        }
    }

    private mutating func execute(_ code: UInt8) throws {
        switch code {
        case 0x80:  // PROTO
            let version = try byte()
            guard (2...5).contains(version) else { throw problem("has protocol \(version); 2 to 5 are known") }
        case 0x95: _ = try integer(UInt64.self)  // FRAME
        case 0x28: stack.append(.mark)  // (
        case 0x30: _ = try pop()  // 0 POP
        case 0x31: _ = try popToMark()  // 1 POP_MARK
        case 0x4E: stack.append(.none)  // N
        case 0x88: stack.append(.boolean(true))
        case 0x89: stack.append(.boolean(false))
        case 0x4A: stack.append(.integer(Int(try integer(Int32.self))))  // J BININT
        case 0x4B: stack.append(.integer(Int(try byte())))  // K BININT1
        case 0x4D: stack.append(.integer(Int(try integer(UInt16.self))))  // M BININT2
        case 0x8A: stack.append(try long(Int(try byte())))  // LONG1
        case 0x47: stack.append(.real(Double(bitPattern: try integer(UInt64.self).byteSwapped)))  // G BINFLOAT
        case 0x58: stack.append(.text(try text(UInt64(try integer(UInt32.self)))))  // X BINUNICODE
        case 0x8C: stack.append(.text(try text(UInt64(try byte()))))  // SHORT_BINUNICODE
        case 0x8D: stack.append(.text(try text(try integer(UInt64.self))))  // BINUNICODE8
        case 0x54: stack.append(.text(try text(UInt64(try integer(UInt32.self)))))  // T BINSTRING (Python 2)
        case 0x55: stack.append(.text(try text(UInt64(try byte()))))  // U SHORT_BINSTRING (Python 2)
        case 0x42: try skipBytes(UInt64(try integer(UInt32.self)))  // B BINBYTES
        case 0x43: try skipBytes(UInt64(try byte()))  // C SHORT_BINBYTES
        case 0x29: stack.append(newTuple([]))  // )
        case 0x85, 0x86, 0x87:  // TUPLE1, TUPLE2, TUPLE3
            let count = Int(code - 0x84)
            let values = try (0..<count).map { _ in try pop() }
            stack.append(newTuple(values.reversed()))
        case 0x74: stack.append(newTuple(try popToMark()))  // t TUPLE
        case 0x5D:  // ] EMPTY_LIST
            sequences.append([])
            stack.append(.list(sequences.count - 1))
        case 0x7D: stack.append(newDictionary())  // } EMPTY_DICT
        case 0x61: try append([try pop()])  // a APPEND
        case 0x65: try append(try popToMark())  // e APPENDS
        case 0x73:  // s SETITEM
            let value = try pop()
            try set([try pop(), value])
        case 0x75: try set(try popToMark())  // u SETITEMS
        case 0x71: try remember(Int(try byte()))  // q BINPUT
        case 0x72: try remember(Int(try integer(UInt32.self)))  // r LONG_BINPUT
        case 0x94: try remember(memo.count)  // MEMOIZE
        case 0x68: try recall(Int(try byte()))  // h BINGET
        case 0x6A: try recall(Int(try integer(UInt32.self)))  // j LONG_BINGET
        case 0x63: try name(module: try line(), try line())  // c GLOBAL
        case 0x93:  // STACK_GLOBAL
            guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
                throw problem("names a class by what is no text")
            }
            try self.name(module: module, name)
        case 0x51: try persistent()  // Q BINPERSID
        case 0x52: try reduce()  // R
        case 0x62: try build()  // b
        default: throw problem("has the instruction \(code), which no checkpoint needs: refused, nothing was run")
        }
    }

    // MARK: What the file may call

    private mutating func name(module: String, _ name: String) throws {
        guard let global = PickleGlobal(module: module, name: name) else {
            let wanted = (module + "." + name).debugDescription
            throw problem("wants to use \(wanted), which weights do not need: refused, nothing was run")
        }
        stack.append(.global(global))
    }

    /// ("storage", type, key, place, count [, view]): a run of values stored outside the pickle.
    private mutating func persistent() throws {
        guard let parts = tuple(try pop()), parts.count == 5 || parts.count == 6, case .text("storage") = parts[0],
            case .global(.storageType(let type)) = parts[1], case .text(let key) = parts[2],
            case .integer(let count) = parts[4], count >= 0
        else { throw problem("refers to something else than a storage") }
        if parts.count == 6 {
            guard case .none = parts[5] else { throw problem("holds views of storages; save it with a newer PyTorch") }
        }
        storages.append(TorchStorage(key: key, type: type, count: count))
        stack.append(.storage(storages.count - 1))
    }

    private mutating func reduce() throws {
        guard let arguments = tuple(try pop()) else { throw problem("calls without a tuple") }
        guard case .global(let global) = try pop() else { throw problem("calls what is no function") }
        switch global {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw problem("makes a dictionary in an unknown way") }
            stack.append(newDictionary())
        case .rebuildParameter:
            guard case .tensor? = arguments.first else {
                throw problem("makes a parameter of something else than a tensor")
            }
            stack.append(arguments[0])
        case .rebuildTensor:
            // storage, offset, shape, strides, requires_grad, hooks [, metadata]
            guard (6...7).contains(arguments.count), case .storage(let storage) = arguments[0],
                case .integer(let offset) = arguments[1], let shape = sizes(arguments[2]),
                let strides = sizes(arguments[3])
            else { throw problem("makes a tensor in an unknown way") }
            tensors.append(TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides))
            stack.append(.tensor(tensors.count - 1))
        case .storageType: throw problem("calls a storage type")
        }
    }

    /// Attributes of a dictionary (a module's `_metadata`), which weights do not need.
    private mutating func build() throws {
        _ = try pop()
        guard case .dictionary? = stack.last else {
            throw problem("sets attributes of what is no dictionary")
        }
    }

    // MARK: Stack, memo and tables

    private mutating func pop() throws -> PickleValue {
        guard let value = stack.popLast() else { throw problem("has no value where one is needed") }
        if case .mark = value { throw problem("has a mark where a value is needed") }
        return value
    }

    private mutating func popToMark() throws -> [PickleValue] {
        var values: [PickleValue] = []
        while let value = stack.popLast() {
            if case .mark = value { return values.reversed() }
            values.append(value)
        }
        throw problem("has no value where one is needed")
    }

    private mutating func remember(_ index: Int) throws {
        guard let value = stack.last else { throw problem("has no value where one is needed") }
        if case .mark = value { throw problem("has a mark where a value is needed") }
        memo[index] = value
    }

    private mutating func recall(_ index: Int) throws {
        guard let value = memo[index] else { throw problem("refers to value \(index), which it never set") }
        stack.append(value)
    }

    private mutating func append(_ values: [PickleValue]) throws {
        guard case .list(let index)? = stack.last else { throw problem("appends to what is no list") }
        sequences[index].append(contentsOf: values)
    }

    private mutating func set(_ values: [PickleValue]) throws {
        guard case .dictionary(let index)? = stack.last, values.count.isMultiple(of: 2) else {
            throw problem("sets members of what is no dictionary")
        }
        for pair in stride(from: 0, to: values.count, by: 2) {
            dictionaries[index].append((values[pair], values[pair + 1]))
        }
    }

    private mutating func newTuple(_ values: [PickleValue]) -> PickleValue {
        sequences.append(values)
        return .tuple(sequences.count - 1)
    }

    private mutating func newDictionary() -> PickleValue {
        dictionaries.append([])
        return .dictionary(dictionaries.count - 1)
    }

    private func tuple(_ value: PickleValue) -> [PickleValue]? {
        guard case .tuple(let index) = value else { return nil }
        return sequences[index]
    }

    private func sizes(_ value: PickleValue) -> [Int]? {
        guard let values = tuple(value) else { return nil }
        let sizes: [Int] = values.compactMap { if case .integer(let size) = $0 { size } else { nil } }
        return sizes.count == values.count ? sizes : nil
    }

    // MARK: Bytes

    private mutating func byte() throws -> UInt8 {
        guard position < end else { throw problem("ends in the middle") }
        defer { position += 1 }
        return file[position]
    }

    private mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) throws -> Value {
        guard end - position >= MemoryLayout<Value>.size else { throw problem("ends in the middle") }
        defer { position += MemoryLayout<Value>.size }
        return file.integer(type, at: position)
    }

    private mutating func take(_ count: UInt64) throws -> [UInt8] {
        guard count <= UInt64(end - position) else { throw problem("ends in the middle") }
        defer { position += Int(count) }
        return file.bytes(position..<position + Int(count))
    }

    private mutating func skipBytes(_ count: UInt64) throws {
        _ = try take(count)
        stack.append(.bytes)
    }

    private mutating func text(_ count: UInt64) throws -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw problem("holds text that is not UTF-8")
        }
        return text
    }

    private mutating func line() throws -> String {
        var bytes: [UInt8] = []
        while true {
            let byte = try byte()
            if byte == 0x0A { break }
            bytes.append(byte)
        }
        guard let line = String(validating: bytes, as: UTF8.self) else { throw problem("holds text that is not UTF-8") }
        return line
    }

    /// A whole number in two's complement of `count` bytes, lowest first.
    private mutating func long(_ count: Int) throws -> PickleValue {
        let bytes = try take(UInt64(count))
        guard count <= 8 else { return .largeInteger(bytes) }
        var value: UInt64 = (bytes.last ?? 0) & 0x80 == 0 ? 0 : .max
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        return .integer(Int(Int64(bitPattern: value)))
    }

    private func problem(_ text: String) -> FileError {
        FileError(file.path, "its pickle \(text) (byte \(position)); if it is damaged, download or save it again")
    }
}
