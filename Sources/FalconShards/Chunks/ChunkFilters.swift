/// The filter pipeline of a dataset, as its creation properties name it, applied by us instead of by the HDF5
/// library: it would run it on one thread behind its lock, and only where somebody installed a zstd plug-in.
///
/// Other programs read the same file through their own filter 32015 (h5py: `import hdf5plugin`).
struct ChunkFilters: Equatable, Sendable {
    /// A step of the pipeline, in the order in which it is applied when writing.
    enum Step: Equatable, Sendable {
        case shuffle(elementSize: Int)
        case zstd
    }

    /// Registered with the HDF Group: https://github.com/HDFGroup/hdf5_plugins.
    static let zstdIdentifier: Int32 = 32015
    static let shuffleIdentifier = 2

    let steps: [Step]

    /// Decodes a stored chunk.
    ///
    /// - Parameters:
    ///   - stored: the chunk as it stands in the file.
    ///   - skipped: HDF5's filter mask; bit i set means that step i was not applied to this chunk.
    ///   - size: bytes of a whole chunk.
    func decode(_ stored: [UInt8], skipped: UInt32, size: Int) throws -> [UInt8] {
        var bytes = stored
        for (index, step) in steps.enumerated().reversed() where skipped >> UInt32(index) & 1 == 0 {
            switch step {
            case .zstd: bytes = try ZstdFrame.decompress(bytes, size: size)
            case .shuffle(let elementSize): bytes = ByteShuffle.unshuffle(bytes, elementSize: elementSize)
            }
        }
        guard bytes.count == size else { throw ChunkProblem("has \(bytes.count) bytes instead of \(size)") }
        return bytes
    }

    /// Encodes a whole chunk; no step is skipped.
    func encode(_ chunk: [UInt8], level: Int) throws -> [UInt8] {
        var bytes = chunk
        for step in steps {
            switch step {
            case .zstd: bytes = try ZstdFrame.compress(bytes, level: level)
            case .shuffle(let elementSize): bytes = ByteShuffle.shuffle(bytes, elementSize: elementSize)
            }
        }
        return bytes
    }
}
