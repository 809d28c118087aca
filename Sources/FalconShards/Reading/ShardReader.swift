import FalconTensor

/// A finished shard opened for reading. Safe to use from several threads.
///
/// Opening reads and checks everything about it but the rows themselves, which `sequence(at:)` checks as it reads.
package final class ShardReader: Sendable {
    package let path: String
    package let description: ShardDescription
    /// The sequences' names.
    package let ids: [String]
    /// `[sequences + 1]`: sequence s is rows `offsets[s] ..< offsets[s + 1]`.
    package let offsets: [Int]
    private let features: RowsReader
    private let auxiliary: RowsReader?
    private let tokens: HDF5Dataset
    private let lossMask: HDF5Dataset
    private let statistics: StatisticsReader?

    /// - Throws: `FileError` or `HDF5Error` where the file is damaged, of another format, or not of one piece.
    package init(path: String) throws {
        self.path = path
        let file = try HDF5File(path: path)
        description = try ShardReader.readDescription(file)
        tokens = try file.dataset(ShardLayout.tokens)
        lossMask = try file.dataset(ShardLayout.lossMask)
        offsets = try ShardReader.readOffsets(file)

        let rows = offsets[offsets.count - 1]
        features = try RowsReader(
            file, (ShardLayout.features, ShardLayout.scales), description.storage, width: description.hiddenSize,
            count: rows)
        auxiliary =
            description.auxiliaryLayers.isEmpty
            ? nil
            : try RowsReader(
                file, (ShardLayout.auxiliary, ShardLayout.auxiliaryScales), description.storage,
                width: description.auxiliaryWidth, count: rows)
        try tokens.require(.int32, [rows])
        try lossMask.require(.uint8, [rows])
        statistics = try description.teacherEntries.map { try StatisticsReader(file, entryCount: $0, rows: rows) }
        for (index, (start, end)) in zip(offsets, offsets.dropFirst()).enumerated() {
            guard end - start <= description.maxLength else {
                throw FileError(
                    path,
                    "sequence \(index) has \(end - start) tokens; up to max_length \(description.maxLength) may be"
                )
            }
        }
        ids = try file.dataset(ShardLayout.ids).texts()
        guard ids.count == offsets.count - 1 else {
            throw FileError(path, "has \(ids.count) ids for \(offsets.count - 1) sequences")
        }
    }

    /// The number of sequences.
    package var count: Int { ids.count }

    /// The number of tokens of a sequence; other programs write some without any.
    package func length(of index: Int) -> Int { offsets[index + 1] - offsets[index] }

    /// Reads a sequence.
    ///
    /// - Parameters:
    ///   - index: within `0..<count`; traps otherwise.
    ///   - limit: reads no more than so many of its first tokens.
    ///   - pool: decodes chunks on several threads where it is given.
    package func sequence(at index: Int, limit: Int? = nil, on pool: ThreadPool? = nil) throws -> FeatureSequence {
        let sequence = try uncheckedSequence(at: index, limit: limit, on: pool)
        if let token = sequence.firstTokenNotFinite {
            throw FileError(
                path, "sequence \(index) (\(sequence.id)), token \(token): has a feature that is not finite")
        }
        return sequence
    }

    /// The same, whatever values its features have.
    func uncheckedSequence(at index: Int, limit: Int? = nil, on pool: ThreadPool? = nil) throws -> FeatureSequence {
        let stored = try stored(at: index, limit: limit, on: pool)
        let count = stored.tokens.count
        var states: AuxiliaryFeatures?
        if let auxiliary, let encoded = stored.auxiliary {
            states = AuxiliaryFeatures(
                layers: description.auxiliaryLayers, rows: auxiliary.decoded(encoded, count: count))
        }
        return FeatureSequence(
            id: stored.id, tokens: stored.tokens, lossMask: stored.lossMask,
            features: features.decoded(stored.features, count: count), statistics: stored.statistics,
            auxiliary: states)
    }

    /// Reads a sequence with its features as they stand in the file.
    func stored(at index: Int, limit: Int? = nil, on pool: ThreadPool? = nil) throws -> StoredSequence {
        precondition((0..<count).contains(index), "sequence \(index) of \(path), which has \(count)")
        let length = min(length(of: index), max(1, limit ?? .max))
        let rows = offsets[index]..<(offsets[index] + length)
        let (tokens, statistics) = try text(of: index, rows: rows)
        let mask = try mask(of: index, rows: rows)
        return StoredSequence(
            id: ids[index], tokens: tokens, lossMask: mask, features: try features.stored(rows, on: pool),
            statistics: statistics, auxiliary: try auxiliary?.stored(rows, on: pool))
    }

    /// Reads a sequence's loss mask alone.
    ///
    /// - Parameter index: within `0..<count`; traps otherwise.
    func lossMask(of index: Int) throws -> [UInt8] {
        precondition((0..<count).contains(index), "sequence \(index) of \(path), which has \(count)")
        return try mask(of: index, rows: offsets[index]..<offsets[index + 1])
    }

    /// Reads a sequence's tokens and statistics alone.
    ///
    /// - Parameter index: within `0..<count`; traps otherwise.
    func text(of index: Int) throws -> (tokens: [Int32], statistics: TeacherStatistics?) {
        precondition((0..<count).contains(index), "sequence \(index) of \(path), which has \(count)")
        return try text(of: index, rows: offsets[index]..<offsets[index + 1])
    }

    private func text(
        of index: Int, rows: Range<Int>
    ) throws -> (tokens: [Int32], statistics: TeacherStatistics?) {
        func refuse(_ problem: String) -> FileError { FileError(path, "sequence \(index) (\(ids[index])): \(problem)") }
        let tokens = Int32.array(littleEndian: try tokens.bytes(rows: rows))
        guard tokens.allSatisfy({ $0 >= 0 }) else { throw refuse("has a negative token") }
        let statistics = try statistics?.read(rows)
        if let problem = statistics?.problem() { throw refuse(problem) }
        return (tokens, statistics)
    }

    private func mask(of index: Int, rows: Range<Int>) throws -> [UInt8] {
        let mask = try lossMask.bytes(rows: rows)
        guard mask.allSatisfy({ $0 <= 1 }) else {
            throw FileError(path, "sequence \(index) (\(ids[index])): has a loss mask value other than 0 and 1")
        }
        return mask
    }

    private static func readDescription(_ file: HDF5File) throws -> ShardDescription {
        let format = try file.text("format")
        guard format == ShardLayout.format else {
            throw FileError(file.path, "its format is \(format), not \(ShardLayout.format)")
        }
        let version = try file.integer("version")
        guard version == ShardLayout.version else {
            throw FileError(file.path, "its version is \(version); this program reads \(ShardLayout.version)")
        }
        let type = try file.text("dtype")
        guard let storage = FeatureStorage(rawValue: type) else {
            let known = FeatureStorage.allCases.map(\.rawValue).joined(separator: ", ")
            throw FileError(file.path, "its dtype is \(type), not one of \(known)")
        }
        let layers = try readLayers(file)
        let description = ShardDescription(
            hiddenSize: try file.integer("hidden_size"), storage: storage, maxLength: try file.integer("max_length"),
            targetFingerprint: try file.text("target_fingerprint"),
            tokenizerFingerprint: try file.text("tokenizer_fingerprint"),
            teacherEntries: try file.has(ShardLayout.teacherEntries)
                ? try file.integer(ShardLayout.teacherEntries) : nil, auxiliaryLayers: layers)
        // So that no product of sizes overflows.
        guard layers.isEmpty || description.hiddenSize <= Int(Int32.max) else {
            throw FileError(file.path, "hidden_size is \(description.hiddenSize); no model is so wide")
        }
        guard description.hiddenSize > 0, description.maxLength > 0 else {
            throw FileError(file.path, "hidden_size and max_length must be above 0")
        }
        guard description.teacherEntries ?? 1 > 0 else { throw FileError(file.path, "teacher_entries must be above 0") }
        return description
    }

    private static func readLayers(_ file: HDF5File) throws -> [Int] {
        guard try file.has(ShardLayout.auxiliaryLayers) else { return [] }
        let text = try file.text(ShardLayout.auxiliaryLayers)
        guard let layers = LayerNumbers.read(text) else {
            throw FileError(
                file.path, "auxiliary_layers is '\(text)', not numbers of layers that ascend from 1 on, as in 8,16")
        }
        return layers
    }

    private static func readOffsets(_ file: HDF5File) throws -> [Int] {
        let dataset = try file.dataset(ShardLayout.offsets)
        guard try dataset.type() == .int64, dataset.shape.count == 1, dataset.rowCount >= 1 else {
            throw FileError(file.path, "offsets must be int64 of shape [sequences + 1]")
        }
        let offsets = Int64.array(littleEndian: try dataset.bytes(rows: 0..<dataset.rowCount)).map { Int($0) }
        guard offsets[0] == 0 else { throw FileError(file.path, "offsets start at \(offsets[0]), not at 0") }
        if let index = offsets.indices.dropFirst().first(where: { offsets[$0] < offsets[$0 - 1] }) {
            throw FileError(
                file.path, "offsets descend: \(offsets[index]) follows \(offsets[index - 1]) at \(index)")
        }
        return offsets
    }
}
