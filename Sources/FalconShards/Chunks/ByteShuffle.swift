/// HDF5's shuffle filter (id 2): the first bytes of all elements, then all second bytes, and so on. The exponents of
/// floating-point numbers come to lie together, where zstd finds something to compress.
///
/// ```
/// elements   a0 a1 | b0 b1 | c0 c1
/// shuffled   a0 b0 c0 | a1 b1 c1
/// ```
enum ByteShuffle {
    /// Bytes behind the last whole element stay where they are.
    static func shuffle(_ bytes: [UInt8], elementSize: Int) -> [UInt8] {
        unsafe move(bytes, elementSize) { source, target, plane, count, size in
            for index in 0..<count { unsafe target[plane * count + index] = unsafe source[index * size + plane] }
        }
    }

    /// The inverse of `shuffle`.
    static func unshuffle(_ bytes: [UInt8], elementSize: Int) -> [UInt8] {
        unsafe move(bytes, elementSize) { source, target, plane, count, size in
            for index in 0..<count { unsafe target[index * size + plane] = unsafe source[plane * count + index] }
        }
    }

    @inline(__always)
    private static func move(
        _ bytes: [UInt8], _ size: Int,
        _ plane: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>, Int, Int, Int) -> Void
    ) -> [UInt8] {
        precondition(size > 0, "elements of \(size) bytes cannot be shuffled")
        let count = bytes.count / size
        guard size > 1, count > 1 else { return bytes }
        return unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { target, used in
            used = bytes.count
            let start = target.baseAddress!
            unsafe bytes.withUnsafeBufferPointer { source in
                for index in 0..<size { unsafe plane(source.baseAddress!, start, index, count, size) }
                for index in (count * size)..<bytes.count { unsafe start[index] = unsafe source[index] }
            }
        }
    }
}
