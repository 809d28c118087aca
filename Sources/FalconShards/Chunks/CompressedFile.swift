internal import CZstd
import FalconTensor

/// Reading a whole file that may be compressed with zstd, such as a data set `chats.jsonl.zst`.
package enum CompressedFile {
    /// The file's content, unpacked where its name ends in `.zst`.
    ///
    /// - Throws: `FileError` where the file is missing or its compressed content is damaged or ends early.
    package static func bytes(of path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        let stored = file.bytes(0..<file.count)
        return path.hasSuffix(".zst") ? try unpack(stored, path) : stored
    }

    /// A few bytes of zstd can stand for gigabytes; chats shrink to a tenth. Content that shrank to less than a
    /// thousandth is unpacked up to this many bytes and no further.
    private static let (suspiciousSize, suspiciousRatio) = (1 << 24, 1000)

    /// Unpacks any number of frames. The result grows with what is really there, whatever the frames claim.
    private static func unpack(_ stored: [UInt8], _ path: String) throws -> [UInt8] {
        guard let stream = unsafe ZSTD_createDStream() else { throw FileError(path, "zstd has no memory to unpack it") }
        defer { unsafe ZSTD_freeDStream(stream) }
        // zstd takes the memory that a frame asks for to look back in, 128 MiB at most. No frame here needs more than
        // all that is unpacked.
        let longest = max(suspiciousSize, suspiciousRatio * stored.count)
        let window = min(27, Int.bitWidth - (longest - 1).leadingZeroBitCount)
        _ = unsafe ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Int32(window))
        var result: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
        // What zstd still expects: 0 at the end of a frame.
        var expected = 1
        try unsafe stored.withUnsafeBytes { source in
            var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            var isFull = false
            while unsafe input.pos < input.size || isFull {
                let written = unsafe piece.withUnsafeMutableBytes { target in
                    var output = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    expected = unsafe ZSTD_decompressStream(stream, &output, &input)
                    return unsafe output.pos
                }
                if ZSTD_isError(expected) != 0 {
                    throw FileError(path, "zstd: \(unsafe String(cString: ZSTD_getErrorName(expected)))")
                }
                result.append(contentsOf: piece[..<written])
                // At a frame's end nothing is held back: asking again would begin another frame.
                isFull = written == piece.count && expected != 0
                if result.count > suspiciousSize, result.count / suspiciousRatio > stored.count {
                    throw FileError(path, "unpacks to more than \(suspiciousRatio) times its size; unpack it yourself")
                }
            }
        }
        guard expected == 0 else { throw FileError(path, "ends in the middle of a zstd frame") }
        return result
    }
}
