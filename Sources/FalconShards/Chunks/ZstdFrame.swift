internal import CZstd

/// Why a stored chunk cannot be decoded, without the file's name, which the caller knows.
struct ChunkProblem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One zstd frame: how a chunk's bytes are compressed.
enum ZstdFrame {
    /// The most that a frame of this many bytes can hold: a block takes 4 bytes at least (3 of header, 1 of content)
    /// and holds 128 KiB at most (RFC 8878, section 3.1.1.2).
    static func largestContent(ofFrame size: Int) -> Int { (size / 4 + 1) << 17 }

    /// The longest frame that `compress` makes of this many bytes, whatever they are.
    static func largestFrame(ofContent size: Int) -> Int { ZSTD_compressBound(size) }

    /// Compresses into one frame that names its content's size and ends with a checksum.
    static func compress(_ bytes: [UInt8], level: Int) throws -> [UInt8] {
        guard let context = unsafe ZSTD_createCCtx() else { throw ChunkProblem("zstd has no memory to compress with") }
        defer { unsafe ZSTD_freeCCtx(context) }
        try unsafe check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level)))
        try unsafe check(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1))
        let bound = ZSTD_compressBound(bytes.count)
        return unsafe try [UInt8](unsafeUninitializedCapacity: bound) { target, used in
            used = unsafe try bytes.withUnsafeBytes { source in
                unsafe try check(
                    ZSTD_compress2(context, target.baseAddress, bound, source.baseAddress, source.count))
            }
        }
    }

    /// Decodes one frame that must hold exactly `size` bytes. Nothing is allocated before the frame's own size field
    /// and its length make that possible.
    static func decompress(_ frame: [UInt8], size: Int) throws -> [UInt8] {
        let (claimed, length) = unsafe frame.withUnsafeBytes { source in
            unsafe (
                ZSTD_getFrameContentSize(source.baseAddress, source.count),
                ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
            )
        }
        guard claimed != falcon_zstd_size_error() else { throw ChunkProblem("holds no zstd frame") }
        guard claimed == falcon_zstd_size_unknown() || claimed == UInt64(size) else {
            throw ChunkProblem("its zstd frame claims \(claimed) bytes where the chunk has \(size)")
        }
        guard try check(length) == frame.count else {
            throw ChunkProblem("its zstd frame ends after \(length) of \(frame.count) bytes")
        }
        guard size <= largestContent(ofFrame: frame.count) else {
            throw ChunkProblem("\(frame.count) compressed bytes cannot hold \(size)")
        }
        var written = 0
        let bytes = unsafe try [UInt8](unsafeUninitializedCapacity: size) { target, used in
            used = unsafe try frame.withUnsafeBytes { source in
                unsafe try check(ZSTD_decompress(target.baseAddress, size, source.baseAddress, source.count))
            }
            written = used
        }
        guard written == size else { throw ChunkProblem("decodes to \(written) bytes where the chunk has \(size)") }
        return bytes
    }

    /// zstd returns sizes and errors in one number.
    @discardableResult
    private static func check(_ result: Int) throws -> Int {
        if ZSTD_isError(result) != 0 {
            throw ChunkProblem("zstd: \(unsafe String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}
