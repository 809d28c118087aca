import FalconTensor

/// The datasets of teacher statistics in a finished shard.
struct StatisticsReader: Sendable {
    private let entryCount: Int
    private let tokens: HDF5Dataset
    private let logProbabilities: HDF5Dataset
    private let logNormalizers: HDF5Dataset

    /// - Throws: `FileError` where a dataset is missing or of another type or shape.
    init(_ file: HDF5File, entryCount: Int, rows: Int) throws {
        self.entryCount = entryCount
        tokens = try file.dataset(ShardLayout.teacherTokens)
        logProbabilities = try file.dataset(ShardLayout.teacherLogProbabilities)
        logNormalizers = try file.dataset(ShardLayout.teacherLogNormalizer)
        try tokens.require(.int32, [rows, entryCount])
        try logProbabilities.require(.float32, [rows, entryCount])
        try logNormalizers.require(.float32, [rows])
    }

    func read(_ rows: Range<Int>) throws -> TeacherStatistics {
        func numbers(_ dataset: HDF5Dataset) throws -> [Float] {
            UInt32.array(littleEndian: try dataset.bytes(rows: rows)).map(Float.init(bitPattern:))
        }
        return TeacherStatistics(
            entryCount: entryCount, tokens: Int32.array(littleEndian: try tokens.bytes(rows: rows)),
            logProbabilities: try numbers(logProbabilities), logNormalizers: try numbers(logNormalizers))
    }
}
