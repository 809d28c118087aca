import FalconJSON
import FalconTensor

/// A PyTorch `.bin` or `.pt` file that holds a dictionary of tensors, written by `torch.save` in its zip layout or in
/// the one from before version 1.6.
///
/// Such a file is a pickle, that is, a program. It is run by a machine that can only build dictionaries of tensors
/// (see `PickleMachine`), so that opening a file from a stranger is as safe as opening a safetensors file.
package struct TorchCheckpoint: Sendable {
    package let path: String
    /// In the order of the dictionary.
    package let names: [String]
    private let tensors: [String: StoredTensor]

    /// - Throws: `FileError` with one line that says what is wrong, or what the file wanted to run.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        let contents =
            switch file.count >= 4 ? file.integer(UInt32.self, at: 0) : 0 {
            case 0x0403_4B50: try TorchCheckpoint.zipContents(file)
            case let start where start & 0xFF == 0x80: try TorchCheckpoint.legacyContents(file)
            default:
                throw FileError(
                    path,
                    FileSignature.problem(beginning: file.bytes(0..<min(file.count, FileSignature.length)))
                        ?? "is not a file that torch.save has written")
            }
        guard case .dictionary(let index) = contents.value else {
            throw FileError(path, "holds \(contents.value.kind), not a dictionary of tensors")
        }
        var names: [String] = []
        var tensors: [String: StoredTensor] = [:]
        for (key, value) in contents.machine.dictionaries[index] {
            guard case .text(let name) = key else {
                throw FileError(path, "has a tensor whose name is \(key.kind), not text")
            }
            guard case .tensor(let tensor) = value else {
                throw FileError(path, "'\(name)' is \(value.kind), not a tensor; save the state dictionary alone")
            }
            let view = contents.machine.tensors[tensor]
            let stored = try TorchCheckpoint.resolve(
                name, view, contents.machine.storages[view.storage], contents.ranges, file)
            guard tensors.updateValue(stored, forKey: name) == nil else {
                throw FileError(path, "holds tensor '\(name)' twice")
            }
            names.append(name)
        }
        self.path = path
        self.names = names
        self.tensors = tensors
    }

    package func stored(_ name: String) -> StoredTensor? { tensors[name] }

    /// What a file holds: the value that its pickle makes, and where the storages that it refers to lie.
    private struct Contents {
        let machine: PickleMachine
        let value: PickleValue
        let ranges: [String: Range<Int>]
    }

    /// NAME/data.pkl, NAME/data/KEY for each storage, NAME/byteorder.
    private static func zipContents(_ file: MappedFile) throws -> Contents {
        let records = try ZipArchive(file).records
        let pickles = records.keys.filter { $0.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let pickle = pickles.first, let range = records[pickle] else {
            throw FileError(file.path, "is a zip archive with \(pickles.count) records data.pkl instead of one")
        }
        let prefix = pickle.dropLast("data.pkl".count)
        if let order = records[prefix + "byteorder"], file.bytes(order) != Array("little".utf8) {
            throw FileError(file.path, "was written on a big-endian machine, which is not supported")
        }
        var machine = PickleMachine(file, range)
        let value = try machine.run()
        var ranges: [String: Range<Int>] = [:]
        for storage in machine.storages {
            guard let range = records[prefix + "data/" + storage.key] else {
                throw FileError(file.path, "lacks the record of storage '\(storage.key)': damaged")
            }
            ranges[storage.key] = range
        }
        return Contents(machine: machine, value: value, ranges: ranges)
    }

    /// Five pickles (magic number, version, machine, contents, storage keys), then each storage: count and values.
    private static func legacyContents(_ file: MappedFile) throws -> Contents {
        let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
        func next(_ position: Int) throws -> (PickleMachine, PickleValue) {
            var machine = PickleMachine(file, position..<file.count)
            let value = try machine.run()
            return (machine, value)
        }
        let (first, number) = try next(0)
        guard case .largeInteger(magic) = number else {
            throw FileError(file.path, "is a pickle, but not one that torch.save has written")
        }
        let (second, version) = try next(first.position)
        guard case .integer(1001) = version else { throw FileError(file.path, "has an unknown legacy version") }
        let (third, machineInfo) = try next(second.position)
        guard case .dictionary(let info) = machineInfo,
            third.dictionaries[info].contains(where: {
                if case (.text("little_endian"), .boolean(true)) = $0 { true } else { false }
            })
        else { throw FileError(file.path, "was written on a big-endian machine, which is not supported") }
        let (contents, value) = try next(third.position)
        let (last, keys) = try next(contents.position)
        guard case .list(let list) = keys else { throw FileError(file.path, "lists no storages: damaged") }

        let storages = Dictionary(contents.storages.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var ranges: [String: Range<Int>] = [:]
        var position = last.position
        for key in last.sequences[list] {
            guard case .text(let key) = key, let storage = storages[key] else {
                throw FileError(file.path, "lists a storage that no tensor uses: damaged")
            }
            guard file.count - position >= 8 else {
                throw FileError(file.path, "ends before storage '\(key)': cut off")
            }
            let count = file.integer(Int64.self, at: position)
            position += 8
            guard count >= 0, count <= (file.count - position) / storage.type.size else {
                throw FileError(file.path, "storage '\(key)' claims \(count) values, more than the file holds")
            }
            let range = position..<position + Int(count) * storage.type.size
            guard ranges.updateValue(range, forKey: key) == nil else {
                throw FileError(file.path, "lists storage '\(key)' twice")
            }
            position = range.upperBound
        }
        guard position == file.count else { throw FileError(file.path, "has bytes behind its last storage: damaged") }
        return Contents(machine: contents, value: value, ranges: ranges)
    }

    /// Checks a view against its storage, and the storage against the file.
    private static func resolve(
        _ name: String, _ view: TorchTensor, _ storage: TorchStorage, _ ranges: [String: Range<Int>], _ file: MappedFile
    ) throws -> StoredTensor {
        func refusal(_ problem: String) -> FileError { FileError(file.path, "tensor '\(name)' \(problem)") }
        guard let range = ranges[storage.key] else { throw refusal("lies in a storage that is not there") }
        let size = storage.type.size
        guard range.count.isMultiple(of: size), range.count / size == storage.count else {
            throw refusal("claims a storage of \(storage.count) values, the file holds \(range.count) bytes of it")
        }
        guard view.shape.count == view.strides.count, view.offset >= 0, view.shape.allSatisfy({ $0 >= 0 }),
            view.strides.allSatisfy({ $0 >= 0 })
        else { throw refusal("has the shape \(view.shape), strides \(view.strides) and offset \(view.offset)") }
        guard let byteCount = SafetensorsFile.byteCount(view.shape, storage.type),
            let end = view.end, end <= storage.count
        else { throw refusal("of shape \(view.shape) reaches beyond its storage of \(storage.count) values") }
        // An expanded view (stride 0) may be larger than what is stored, but not without bounds.
        guard byteCount <= max(file.count, 1 << 20) else {
            throw refusal("of shape \(view.shape) repeats few stored values beyond the size of the file")
        }
        // Without values the offset means nothing and may be anything.
        let start = range.lowerBound + (byteCount == 0 ? 0 : view.offset * size)
        if view.isContiguous {
            return StoredTensor(
                name: name, type: storage.type, shape: view.shape, file: file, range: start..<start + byteCount)
        }
        return StoredTensor(
            name: name, type: storage.type, shape: view.shape, file: file, range: start..<range.upperBound,
            strides: view.strides)
    }
}

extension TorchTensor {
    /// One past the last value of the storage that the view reads, or `nil` where that does not fit 64 bits.
    fileprivate var end: Int? {
        if shape.contains(0) { return 0 }
        var last = offset
        for (size, stride) in zip(shape, strides) {
            let (step, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, overflow2) = last.addingReportingOverflow(step)
            guard !overflow, !overflow2 else { return nil }
            last = sum
        }
        return last == Int.max ? nil : last + 1
    }

    /// Whether the values lie in row-major order without gaps. Only asked where the shape is known to be small.
    fileprivate var isContiguous: Bool {
        if shape.contains(0) { return true }
        var expected = 1
        for (size, stride) in zip(shape, strides).reversed() where size != 1 {
            guard stride == expected else { return false }
            expected *= size
        }
        return true
    }
}
