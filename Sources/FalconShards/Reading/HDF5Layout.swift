import FalconTensor

/// How a dataset lies in its file, from its header; every claim about sizes is checked against the file's length.
struct HDF5Layout {
    /// Where the rows are.
    enum Place {
        case whole(Range<Int>)
        /// By the chunks' numbers in the grid.
        case chunks(HDF5ChunkGrid, [Int: HDF5ChunkTree.Chunk])
    }

    let shape: [Int]
    let type: HDF5Datatype
    /// Bytes of an element.
    let elementSize: Int
    let place: Place
    let filters: ChunkFilters

    /// - Throws: `FileError` where the layout is not supported or cannot be true.
    init(_ header: HDF5ObjectHeader, named name: String) throws {
        let path = header.file.path
        func refuse(_ problem: String) -> FileError { FileError(path, "the dataset \(name) \(problem)") }
        guard var space = try header.first(.dataspace), var datatype = try header.first(.datatype),
            var layout = try header.first(.layout)
        else { throw refuse("is a group, not a dataset") }
        type = try HDF5Datatype(&datatype)
        let largest: [Int]
        (shape, largest) = try HDF5Dataspace.sizes(&space)
        guard !shape.isEmpty else { throw refuse("has no axes") }
        switch type {
        case .number(let number): elementSize = number.size
        case .fixedText(let size): elementSize = size
        case .variableText: elementSize = HDF5Datatype.referenceSize
        case .integer, .other: throw refuse("has elements of a type that is not supported")
        }
        guard let byteCount = HDF5Layout.byteCount(shape, elementSize) else {
            throw refuse("claims the impossible shape \(shape)")
        }
        filters =
            try header.first(.filterPipeline).map { try HDF5Layout.filters($0, refuse) } ?? ChunkFilters(steps: [])

        let version = try layout.number(1)
        guard (3...5).contains(version) else {
            throw refuse("has a layout of version \(version), which is not supported")
        }
        let storage = try layout.number(1)
        switch storage {
        case 0:
            place = .whole(try layout.take(try layout.number(2)))
        case 1:
            let (address, size) = (try layout.address(), try layout.number(8))
            var bytes = try HDF5Cursor(header.file, at: address ?? 0, length: address == nil ? 0 : size)
            place = .whole(try bytes.take(bytes.remaining))
        case 2:
            place = try HDF5Layout.chunks(
                &layout, version, shape, largest, elementSize, header.file, refuse)
        default: throw refuse("is put together from other datasets, which is not supported")
        }
        if case .whole(let range) = place, range.count != byteCount {
            throw refuse("has \(range.count) stored bytes, which do not fit its shape \(shape)")
        }
    }

    /// HDF5 stores a chunk's length in 32 bits.
    private static let longestChunk = 0xffff_ffff

    /// The size in bytes, where it can be counted. Half of the range is left free, so that rounding up to whole chunks
    /// cannot overflow either.
    private static func byteCount(_ shape: [Int], _ elementSize: Int) -> Int? {
        var largest = elementSize
        for size in shape {
            let (product, overflow) = largest.multipliedReportingOverflow(by: max(1, size))
            guard !overflow, product < Int.max / 2 else { return nil }
            largest = product
        }
        return shape.contains(0) ? 0 : largest
    }

    private static func chunks(
        _ layout: inout HDF5Cursor, _ version: Int, _ shape: [Int], _ largest: [Int], _ elementSize: Int,
        _ file: MappedFile, _ refuse: (String) -> FileError
    ) throws -> Place {
        // Version 4 puts flags before and the width of sizes behind the number of axes, which counts the element too.
        let flags = version == 3 ? 0 : try layout.number(1)
        let axes = try layout.number(1) - 1
        guard axes == shape.count else { throw refuse("has chunks of \(axes) axes and \(shape.count) itself") }
        var indexAddress = version == 3 ? try layout.address() : nil
        let width = version == 3 ? 4 : try layout.number(1)
        guard (1...8).contains(width) else { throw layout.problem("a chunk's size is \(width) bytes wide") }
        let chunk = try (0...axes).map { _ in try layout.number(width) }
        let sizes = Array(chunk[..<axes])
        guard chunk[axes] == elementSize, !sizes.contains(0), let chunkBytes = byteCount(sizes, elementSize) else {
            throw refuse("has chunks of the impossible shape \(sizes)")
        }
        guard let grid = HDF5ChunkGrid(shape: shape, chunk: sizes) else {
            throw refuse("has chunks \(sizes) that cut the third axis of its shape \(shape), which is not supported")
        }
        guard chunkBytes <= HDF5Layout.longestChunk else {
            throw refuse("has chunks of \(chunkBytes) bytes; HDF5 has none of 4 GiB or more")
        }
        guard version > 3 else {
            let chunks = try indexAddress.map {
                try HDF5ChunkTree.chunks(file, at: $0, chunk: sizes, grid: grid)
            }
            return .chunks(grid, chunks ?? [:])
        }
        let index = try layout.number(1)
        switch index {
        case 1:
            // One chunk; with filters (bit 1 of the flags) its size and mask stand here.
            var (size, mask) = (chunkBytes, 0)
            if flags & 2 != 0 { (size, mask) = (try layout.number(8), try layout.number(4)) }
            guard let address = try layout.address() else { return .chunks(grid, [:]) }
            var stored = try HDF5Cursor(file, at: address, length: size)
            let only = HDF5ChunkTree.Chunk(range: try stored.take(size), skippedFilters: UInt32(mask))
            return .chunks(grid, [0: only])
        case 2, 3:
            // Both count the chunks of the dataset at its greatest size.
            guard let whole = HDF5ChunkGrid(shape: largest, chunk: sizes) else {
                throw refuse("has a greatest size \(largest) that does not fit its shape \(shape)")
            }
            try layout.skip(index == 3 ? 1 : 0)
            indexAddress = try layout.address()
            guard let indexAddress else { return .chunks(grid, [:]) }
            let listed =
                index == 3
                ? try HDF5FixedArray.chunks(file, at: indexAddress, chunkBytes: chunkBytes)
                : HDF5FixedArray.implicit(file, at: indexAddress, chunkBytes: chunkBytes)
            var chunks: [Int: HDF5ChunkTree.Chunk] = [:]
            for (number, found) in listed {
                let place = (row: number / whole.across, column: number % whole.across)
                if let own = grid.number(row: place.row, column: place.column) { chunks[own] = found }
            }
            return .chunks(grid, chunks)
        default:
            throw refuse("has an index of chunks (kind \(index)) that is not supported; repack it with h5repack")
        }
    }

    /// The filter pipeline (section IV.A.2.l).
    private static func filters(_ message: HDF5Cursor, _ refuse: (String) -> FileError) throws -> ChunkFilters {
        var cursor = message
        let version = try cursor.number(1)
        guard version == 1 || version == 2 else { throw cursor.problem("a filter pipeline has an unknown version") }
        let count = try cursor.number(1)
        try cursor.skip(version == 1 ? 6 : 0)
        let steps = try (0..<count).map { _ in
            let filter = try cursor.number(2)
            let nameLength = version == 1 || filter >= 256 ? try cursor.number(2) : 0
            try cursor.skip(2)
            let settingCount = try cursor.number(2)
            try cursor.skip(nameLength)
            let settings = try (0..<settingCount).map { _ in try cursor.number(4) }
            try cursor.skip(version == 1 ? settingCount % 2 * 4 : 0)
            switch filter {
            case ChunkFilters.shuffleIdentifier:
                guard let size = settings.first, (1...16).contains(size) else {
                    throw refuse("shuffles elements of an odd size")
                }
                return ChunkFilters.Step.shuffle(elementSize: size)
            case Int(ChunkFilters.zstdIdentifier): return .zstd
            default:
                throw refuse("is stored through filter \(filter); only shuffle and zstd are supported, repack it")
            }
        }
        return ChunkFilters(steps: steps)
    }
}
