import FalconTensor

/// Writes one shard, under a temporary name until `finish`. A writer that is dropped before leaves nothing behind.
package final class ShardWriter {
    /// The quickest: mantissas are noise, and 16-bit features come out no larger than at zstd's own default of 3.
    package static let usualLevel = 1

    package let path: String
    package let description: ShardDescription
    private let pool: ThreadPool
    private let file: HDF5FileWriter
    // `nil` once the shard is finished.
    private var columns: Columns?
    private var offsets: [Int64] = [0]
    private var ids: [String] = []
    private var lossTokenCount = 0
    private var idByteCount = 0

    private struct Columns {
        let features: RowsWriter
        let auxiliary: RowsWriter?
        let tokens: HDF5GrowingDataset
        let lossMask: HDF5GrowingDataset
        let statistics: StatisticsWriter?
    }

    /// - Parameters:
    ///   - path: the finished shard's name; an older file of that name is replaced at `finish`.
    ///   - description: what goes into the root attributes.
    ///   - chunkRows: rows of a chunk of features; `nil` as many as suit (`RowsWriter`).
    ///   - level: zstd's compression level.
    ///   - pool: compresses chunks.
    package init(
        path: String, description: ShardDescription, chunkRows: Int? = nil, level: Int = ShardWriter.usualLevel,
        pool: ThreadPool
    ) throws {
        (self.path, self.description, self.pool) = (path, description, pool)
        file = try HDF5FileWriter(path: path)
        try file.set("format", to: ShardLayout.format)
        try file.set("version", to: ShardLayout.version)
        try file.set("hidden_size", to: description.hiddenSize)
        try file.set("dtype", to: description.storage.rawValue)
        try file.set("max_length", to: description.maxLength)
        try file.set("target_fingerprint", to: description.targetFingerprint)
        try file.set("tokenizer_fingerprint", to: description.tokenizerFingerprint)

        let layers = description.auxiliaryLayers
        if !layers.isEmpty { try file.set(ShardLayout.auxiliaryLayers, to: LayerNumbers.text(layers)) }

        let columnRows = 4096
        columns = Columns(
            features: try RowsWriter(
                file, (ShardLayout.features, ShardLayout.scales), description.storage, width: description.hiddenSize,
                chunkRows: chunkRows, level: level),
            auxiliary: layers.isEmpty
                ? nil
                : try RowsWriter(
                    file, (ShardLayout.auxiliary, ShardLayout.auxiliaryScales), description.storage,
                    width: description.auxiliaryWidth, chunkRows: chunkRows, level: level),
            tokens: try file.growingDataset(
                ShardLayout.tokens, .int32, width: nil, chunkRows: columnRows, level: level),
            lossMask: try file.growingDataset(
                ShardLayout.lossMask, .uint8, width: nil, chunkRows: columnRows, level: level),
            statistics: try description.teacherEntries.map { [file] entries in
                try StatisticsWriter(file, entryCount: entries, level: level)
            })
    }

    /// Adds a sequence at the end.
    ///
    /// - Throws: `FeatureProblem` where its features cannot be stored; the shard is as before, and others may follow.
    ///   `FileError` or `HDF5Error` where the file cannot be written; the writer is then of no more use.
    package func append(_ sequence: FeatureSequence) throws {
        try append(encode([sequence])[0].get())
    }

    /// Sequences as they are to stand in the shard, in order, on all threads.
    package func encode(_ sequences: [FeatureSequence]) -> [Result<StoredSequence, FeatureProblem>] {
        pool.map(sequences.count) { index in
            Result { () throws(FeatureProblem) in
                try StoredSequence(sequences[index], description)
            }
        }
    }

    /// Adds a sequence that was encoded by a writer of the same description, or read from a shard of it.
    ///
    /// - Throws: `FileError` or `HDF5Error` where the file cannot be written; the writer is then of no more use.
    package func append(_ sequence: StoredSequence) throws {
        guard let columns else { preconditionFailure("\(path) is finished") }
        let encoded = sequence.features
        precondition(
            encoded.bytes.count == sequence.tokens.count * description.hiddenSize * description.storage.size,
            "\(encoded.bytes.count) bytes of features for \(sequence.tokens.count) tokens in \(path)")
        precondition(
            sequence.statistics?.entryCount == description.teacherEntries,
            "statistics of \(sequence.statistics?.entryCount ?? 0) entries in \(path)")
        precondition(
            sequence.auxiliary?.bytes.count ?? 0
                == sequence.tokens.count * description.auxiliaryWidth * description.storage.size,
            "\(sequence.auxiliary?.bytes.count ?? 0) bytes of layers' states for \(sequence.tokens.count) tokens")
        try columns.features.append(encoded, on: pool)
        if let states = sequence.auxiliary { try columns.auxiliary?.append(states, on: pool) }
        if let statistics = sequence.statistics { try columns.statistics?.append(statistics, on: pool) }
        try columns.tokens.append(Int32.bytes(of: sequence.tokens), on: pool)
        try columns.lossMask.append(sequence.lossMask, on: pool)
        offsets.append(offsets[offsets.count - 1] + Int64(sequence.tokens.count))
        // A zero byte would end the text early in every reader written in C.
        ids.append(sequence.id.filter { $0 != "\0" })
        idByteCount += ShardWriter.storedBytes(ofId: sequence.id)
        lossTokenCount += sequence.lossMask.reduce(0) { $0 + Int($1) }
    }

    /// Whether the finished file is sure to have `limit` bytes at most when a sequence is added.
    ///
    /// - Throws: as `append` does.
    package func fits(_ sequence: StoredSequence, within limit: Int) throws -> Bool {
        // Far from the limit, where compression does not matter, the quick bound will do.
        for isExact in [false, true] where try byteBound(adding: sequence, isExact: isExact) <= limit {
            return true
        }
        return false
    }

    /// The most bytes that the finished file can have. Text of changing length lies in blocks of 4096 bytes with some
    /// room left in each.
    private func byteBound(adding sequence: StoredSequence, isExact: Bool) throws -> Int {
        guard let columns else { preconditionFailure("\(path) is finished") }
        func bound(_ dataset: HDF5GrowingDataset, _ rows: [UInt8]) throws -> Int {
            try dataset.byteBound(adding: rows, isExact: isExact, on: pool)
        }
        var sum = try columns.features.byteBound(adding: sequence.features, isExact: isExact, on: pool)
        if let states = sequence.auxiliary, let writer = columns.auxiliary {
            // Each dataset has a header of its own.
            sum += try 2048 + writer.byteBound(adding: states, isExact: isExact, on: pool)
        }
        sum += try bound(columns.tokens, Int32.bytes(of: sequence.tokens))
        sum += try bound(columns.lossMask, sequence.lossMask)
        if let statistics = sequence.statistics, let writer = columns.statistics {
            sum += try writer.byteBound(adding: statistics, isExact: isExact, on: pool)
        }
        let texts = (idByteCount + ShardWriter.storedBytes(ofId: sequence.id)) * 5 / 4 + 8192
        return 6144 + sum + texts + 24 * (ids.count + 2)
    }

    private static func storedBytes(ofId id: String) -> Int { 32 + id.utf8.count }

    /// Completes the shard: written, synced to the disk, and renamed into place.
    ///
    /// - Parameter pool: compresses what is left, in place of the writer's own.
    package func finish(on pool: ThreadPool? = nil) throws -> ShardContents {
        let pool = pool ?? self.pool
        guard let columns else { preconditionFailure("\(path) is finished twice") }
        try columns.features.finish(on: pool)
        try columns.auxiliary?.finish(on: pool)
        try columns.tokens.finish(on: pool)
        try columns.lossMask.finish(on: pool)
        try columns.statistics?.finish(on: pool)
        try file.write(ShardLayout.offsets, integers: offsets)
        try file.write(ShardLayout.ids, texts: ids)
        self.columns = nil
        return ShardContents(
            sequences: ids.count, tokens: Int(offsets[offsets.count - 1]), lossTokens: lossTokenCount,
            bytes: try file.finish())
    }
}

/// What a finished shard holds.
package struct ShardContents: Sendable, Equatable {
    package let sequences: Int
    package let tokens: Int
    /// Tokens that the loss mask marks.
    package let lossTokens: Int
    /// The file's length.
    package let bytes: Int
}
