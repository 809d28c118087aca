import FalconTensor

/// A dataset opened for reading, by ranges of rows: the first axis. Safe to use from several threads.
///
/// Memory is allocated for what is really in the file, never for what a header claims.
package final class HDF5Dataset: Sendable {
    package let name: String
    /// The size of each axis; one axis at least.
    package let shape: [Int]
    private let file: HDF5File
    private let layout: HDF5Layout

    init(_ name: String, _ layout: HDF5Layout, in file: HDF5File) {
        (self.name, self.layout, self.file, shape) = (name, layout, file, layout.shape)
    }

    /// The number of rows.
    package var rowCount: Int { shape[0] }

    /// Bytes that the rows take in the file.
    package var storedByteCount: Int {
        switch layout.place {
        case .whole(let range): range.count
        case .chunks(_, let chunks): chunks.values.reduce(0) { $0 + $1.range.count }
        }
    }

    /// The type of the elements.
    ///
    /// - Throws: `FileError` where they are text.
    package func type() throws -> HDF5ElementType {
        guard case .number(let type) = layout.type else {
            throw FileError(file.path, "the dataset \(name) is text where numbers are expected")
        }
        return type
    }

    /// - Throws: `FileError` where the elements' type or the shape is another one.
    func require(_ type: HDF5ElementType, _ shape: [Int]) throws {
        guard try self.type() == type, self.shape == shape else {
            throw FileError(
                file.path, "\(name) is \(try self.type()) of shape \(self.shape), not \(type) of \(shape)")
        }
    }

    /// Reads rows as raw little-endian bytes.
    ///
    /// - Parameters:
    ///   - rows: within `0..<rowCount`; traps otherwise.
    ///   - pool: decodes chunks on several threads where it is given.
    /// - Throws: `FileError` where the file is damaged.
    package func bytes(rows: Range<Int>, on pool: ThreadPool? = nil) throws -> [UInt8] {
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(name), which has \(rowCount)")
        _ = try type()
        return try rawBytes(rows: rows, on: pool)
    }

    /// The same whatever the elements are.
    private func rawBytes(rows: Range<Int>, on pool: ThreadPool? = nil) throws -> [UInt8] {
        let rowBytes = layout.elementSize * shape.dropFirst().reduce(1, *)
        guard !rows.isEmpty, rowBytes > 0 else { return [] }
        switch layout.place {
        case .whole(let range):
            let start = range.lowerBound + rows.lowerBound * rowBytes
            return file.content.bytes(start..<(start + rows.count * rowBytes))
        case .chunks(let grid, let chunks):
            // All chunks must be there before any is decoded: this bounds the work of a claimed number of rows.
            let lines = (rows.lowerBound / grid.rows)...((rows.upperBound - 1) / grid.rows)
            let numbers = (lines.lowerBound * grid.across)..<((lines.upperBound + 1) * grid.across)
            guard numbers.count <= chunks.count else {
                throw FileError(file.path, "the dataset \(name) claims more rows than its \(chunks.count) chunks hold")
            }
            func decode(_ index: Int) throws -> [UInt8] {
                try self.decode(
                    numbers.lowerBound + index, chunks, size: grid.rows * grid.columns * layout.elementSize)
            }
            let decoded = try pool?.map(numbers.count, decode) ?? (0..<numbers.count).map(decode)
            var result: [UInt8] = []
            result.reserveCapacity(rows.count * rowBytes)
            for line in lines {
                let part = rows.clamped(to: (line * grid.rows)..<((line + 1) * grid.rows))
                let first = part.lowerBound - line * grid.rows
                let start = (line - lines.lowerBound) * grid.across
                if grid.isWholeRows {
                    result.append(contentsOf: decoded[start][(first * rowBytes)..<((first + part.count) * rowBytes)])
                } else {
                    grid.gather(
                        decoded[start..<start + grid.across], rows: first..<first + part.count,
                        size: layout.elementSize, into: &result)
                }
            }
            return result
        }
    }

    /// Reads a one-dimensional dataset of strings.
    package func texts() throws -> [String] {
        guard shape.count == 1 else { throw FileError(file.path, "the dataset \(name) is no list of strings") }
        guard layout.type == .variableText || { if case .fixedText = layout.type { true } else { false } }() else {
            throw FileError(file.path, "the dataset \(name) is not text")
        }
        return try file.text.read(layout.type, try rawBytes(rows: 0..<rowCount), count: rowCount)
    }

    private func decode(_ number: Int, _ chunks: [Int: HDF5ChunkTree.Chunk], size: Int) throws -> [UInt8] {
        func damaged(_ problem: String) -> FileError {
            FileError(file.path, "the dataset \(name), chunk \(number): \(problem)")
        }
        guard let chunk = chunks[number] else { throw damaged("was never written") }
        do {
            return try layout.filters.decode(file.content.bytes(chunk.range), skipped: chunk.skippedFilters, size: size)
        } catch let problem as ChunkProblem {
            throw damaged(problem.description)
        }
    }
}
