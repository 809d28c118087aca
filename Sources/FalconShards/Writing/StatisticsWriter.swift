import FalconTensor

/// The datasets of teacher statistics in a shard being written.
struct StatisticsWriter {
    private let datasets: [HDF5GrowingDataset]

    init(_ file: HDF5FileWriter, entryCount: Int, level: Int) throws {
        try file.set(ShardLayout.teacherEntries, to: entryCount)
        let rows = max(64, 4096 / entryCount)
        datasets = [
            try file.growingDataset(
                ShardLayout.teacherTokens, .int32, width: entryCount, chunkRows: rows, level: level),
            try file.growingDataset(
                ShardLayout.teacherLogProbabilities, .float32, width: entryCount, chunkRows: rows, level: level),
            try file.growingDataset(
                ShardLayout.teacherLogNormalizer, .float32, width: nil, chunkRows: 4096, level: level),
        ]
    }

    func append(_ statistics: TeacherStatistics, on pool: ThreadPool) throws {
        for (dataset, rows) in zip(datasets, StatisticsWriter.columns(statistics)) {
            try dataset.append(rows, on: pool)
        }
    }

    /// See `HDF5GrowingDataset.byteBound`.
    func byteBound(adding statistics: TeacherStatistics, isExact: Bool, on pool: ThreadPool) throws -> Int {
        // Each dataset has a header of its own.
        try zip(datasets, StatisticsWriter.columns(statistics)).reduce(2048) { sum, column in
            try sum + column.0.byteBound(adding: column.1, isExact: isExact, on: pool)
        }
    }

    func finish(on pool: ThreadPool) throws {
        for dataset in datasets { try dataset.finish(on: pool) }
    }

    private static func columns(_ statistics: TeacherStatistics) -> [[UInt8]] {
        [
            Int32.bytes(of: statistics.tokens), UInt32.bytes(of: statistics.logProbabilities.map(\.bitPattern)),
            UInt32.bytes(of: statistics.logNormalizers.map(\.bitPattern)),
        ]
    }
}
