internal import CHDF5
import FalconTensor

/// A dataset opened for reading, by ranges of rows: the first axis. Safe to use from several threads.
///
/// Chunks are fetched as they are stored, behind the library's door, and decoded outside of it, by our own filters.
/// Whatever the file claims about sizes is checked against its length before memory is allocated for it.
package final class HDF5Dataset: @unchecked Sendable {
    package let name: String
    /// The size of each axis; one axis at least.
    package let shape: [Int]
    /// Rows of a chunk; `nil` where the dataset is stored in one piece.
    package let chunkRows: Int?
    /// Bytes that the dataset takes in the file.
    package let storedByteCount: Int
    /// `nil` for text.
    private let elementType: HDF5ElementType?
    private let file: HDF5File
    private let handle: HDF5Handle
    private let filters: ChunkFilters

    init(_ name: String, _ handle: HDF5Handle, in file: HDF5File) throws {
        (self.name, self.handle, self.file) = (name, handle, file)
        let layout = try HDF5Library.enter { try HDF5Layout(of: handle, named: name, in: file) }
        shape = layout.shape
        chunkRows = layout.chunkRows
        filters = layout.filters
        storedByteCount = layout.storedByteCount
        elementType = layout.elementType
    }

    /// The number of rows.
    package var rowCount: Int { shape[0] }

    /// The type of the elements.
    ///
    /// - Throws: `FileError` where they are text or of a type that shards do not use.
    package func type() throws -> HDF5ElementType {
        guard let elementType else {
            throw FileError(file.path, "the dataset \(name) has elements of a type that is not supported")
        }
        return elementType
    }

    /// Reads rows as raw little-endian bytes.
    ///
    /// - Parameters:
    ///   - rows: within `0..<rowCount`; traps otherwise.
    ///   - pool: decodes chunks on several threads where it is given.
    /// - Throws: `FileError` or `HDF5Error` where the file is damaged.
    package func bytes(rows: Range<Int>, on pool: ThreadPool? = nil) throws -> [UInt8] {
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(name), which has \(rowCount)")
        let rowBytes = try type().size * shape.dropFirst().reduce(1, *)
        guard !rows.isEmpty, rowBytes > 0 else { return [] }
        guard let chunkRows else { return try HDF5Library.enter { try readWhole(rows, rowBytes) } }

        let chunks = (rows.lowerBound / chunkRows)...((rows.upperBound - 1) / chunkRows)
        let stored = try HDF5Library.enter { try chunks.map { try fetchChunk($0) } }
        func decode(_ index: Int) throws -> [UInt8] {
            do {
                return try filters.decode(
                    stored[index].bytes, skipped: stored[index].skipped, size: chunkRows * rowBytes)
            } catch let problem as ChunkProblem {
                throw damaged(chunks.lowerBound + index, problem.description)
            }
        }
        let decoded = try pool?.map(stored.count, decode) ?? stored.indices.map(decode)
        var result: [UInt8] = []
        result.reserveCapacity(rows.count * rowBytes)
        for (index, chunk) in zip(chunks, decoded) {
            let part = rows.clamped(to: (index * chunkRows)..<((index + 1) * chunkRows))
            let first = part.lowerBound - index * chunkRows
            result.append(contentsOf: chunk[(first * rowBytes)..<((first + part.count) * rowBytes)])
        }
        return result
    }

    /// Reads a one-dimensional dataset of strings.
    package func texts() throws -> [String] {
        guard shape.count == 1 else { throw FileError(file.path, "the dataset \(name) has \(shape.count) axes, not 1") }
        // Even an empty string of variable length takes a reference of 16 bytes in the file.
        guard rowCount <= file.byteCount else {
            throw FileError(file.path, "the dataset \(name) claims \(rowCount) strings, more than the file has bytes")
        }
        return try HDF5Library.enter {
            let type = try HDF5Handle(H5Dget_type(handle.identifier), "H5Dget_type", file.path, closing: H5Tclose)
            return try unsafe HDF5Text.read(type, count: rowCount, in: file, of: "the dataset \(name)") {
                memory, target in
                unsafe H5Dread(
                    handle.identifier, memory, falcon_h5_whole_space(), falcon_h5_whole_space(),
                    falcon_h5_default_properties(), target)
            }
        }
    }

    /// Rows of a dataset that is stored in one piece, without filters.
    private func readWhole(_ rows: Range<Int>, _ rowBytes: Int) throws -> [UInt8] {
        let path = file.path
        // Allocated only up to what the layout's check found in the file.
        var bytes = [UInt8](repeating: 0, count: rows.count * rowBytes)
        let inFile = try HDF5Handle(H5Dget_space(handle.identifier), "H5Dget_space", path, closing: H5Sclose)
        var start = [hsize_t(rows.lowerBound)] + shape.dropFirst().map { _ in 0 }
        var extent = [hsize_t(rows.count)] + shape.dropFirst().map { hsize_t($0) }
        try HDF5Library.check(
            unsafe H5Sselect_hyperslab(inFile.identifier, H5S_SELECT_SET, &start, nil, &extent, nil),
            "H5Sselect_hyperslab", path)
        let inMemory = try HDF5Handle(
            unsafe H5Screate_simple(Int32(shape.count), &extent, nil), "H5Screate_simple", path, closing: H5Sclose)
        let type = try HDF5Handle(H5Dget_type(handle.identifier), "H5Dget_type", path, closing: H5Tclose)
        try HDF5Library.check(
            unsafe H5Dread(
                handle.identifier, type.identifier, inMemory.identifier, inFile.identifier,
                falcon_h5_default_properties(), &bytes), "H5Dread", path)
        return bytes
    }

    /// A chunk as it stands in the file, with the mask of filters that it skipped.
    private func fetchChunk(_ index: Int) throws -> (bytes: [UInt8], skipped: UInt32) {
        var origin = [hsize_t](repeating: 0, count: shape.count)
        origin[0] = hsize_t(index * (chunkRows ?? 1))
        var size: hsize_t = 0
        try HDF5Library.check(
            unsafe H5Dget_chunk_storage_size(handle.identifier, &origin, &size), "H5Dget_chunk_storage_size", file.path)
        guard size > 0 else { throw damaged(index, "was never written") }
        guard size <= hsize_t(file.byteCount) else {
            throw damaged(index, "claims \(size) stored bytes, more than the file has")
        }
        var skipped: UInt32 = 0
        var bytes = [UInt8](repeating: 0, count: Int(size))
        try HDF5Library.check(
            unsafe falcon_h5_read_chunk(handle.identifier, &origin, &skipped, &bytes), "H5Dread_chunk", file.path)
        return (bytes, skipped)
    }

    private func damaged(_ chunk: Int, _ problem: String) -> FileError {
        FileError(file.path, "the dataset \(name), chunk \(chunk): \(problem)")
    }
}
