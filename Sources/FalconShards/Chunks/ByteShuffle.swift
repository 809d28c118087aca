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
        switch elementSize {
        case 1: bytes
        case 2: shuffle(bytes, UInt16.self)
        case 4: shuffle(bytes, UInt32.self)
        case 8: shuffle(bytes, UInt64.self)
        default: move(bytes, elementSize) { element, place in (element, place) }
        }
    }

    /// The inverse of `shuffle`.
    static func unshuffle(_ bytes: [UInt8], elementSize: Int) -> [UInt8] {
        switch elementSize {
        case 1: bytes
        case 2: unshuffle(bytes, UInt16.self)
        case 4: unshuffle(bytes, UInt32.self)
        case 8: unshuffle(bytes, UInt64.self)
        default: move(bytes, elementSize) { element, place in (place, element) }
        }
    }

    // Whole elements at a time: a loop over them becomes vector instructions, one over scattered bytes does not.

    private static func shuffle<Element: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: [UInt8], _ type: Element.Type
    ) -> [UInt8] {
        let size = MemoryLayout<Element>.size
        let count = bytes.count / size
        return unsafe make(bytes, moved: count * size) { source, target in
            for byte in 0..<size {
                let plane = unsafe target + byte * count
                let shift = 8 * byte
                for index in 0..<count {
                    let element = unsafe source.loadUnaligned(fromByteOffset: index &* size, as: Element.self)
                    unsafe plane.storeBytes(
                        of: UInt8(truncatingIfNeeded: Element(littleEndian: element) &>> Element(shift)),
                        toByteOffset: index, as: UInt8.self)
                }
            }
        }
    }

    private static func unshuffle<Element: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: [UInt8], _ type: Element.Type
    ) -> [UInt8] {
        let size = MemoryLayout<Element>.size
        let count = bytes.count / size
        return unsafe make(bytes, moved: count * size) { source, target in
            for index in 0..<count {
                var element: Element = 0
                for byte in 0..<size {
                    let value = unsafe source.load(fromByteOffset: byte &* count &+ index, as: UInt8.self)
                    element |= Element(truncatingIfNeeded: value) &<< Element(8 &* byte)
                }
                unsafe target.storeBytes(of: element.littleEndian, toByteOffset: index &* size, as: Element.self)
            }
        }
    }

    /// Byte by byte, for sizes that no number has.
    private static func move(
        _ bytes: [UInt8], _ size: Int, _ ends: (_ element: Int, _ place: Int) -> (from: Int, to: Int)
    ) -> [UInt8] {
        precondition(size > 0, "elements of \(size) bytes cannot be shuffled")
        let count = bytes.count / size
        var result = bytes
        for index in 0..<count {
            for byte in 0..<size {
                let (from, to) = ends(index * size + byte, byte * count + index)
                result[to] = bytes[from]
            }
        }
        return result
    }

    /// As many bytes, of which `body` sets the first `moved` and the others are copied.
    private static func make(
        _ bytes: [UInt8], moved: Int, _ body: (UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
    ) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { target, used in
            used = bytes.count
            unsafe bytes.withUnsafeBytes { source in
                let (from, to) = (source.baseAddress!, UnsafeMutableRawPointer(target.baseAddress!))
                unsafe body(from, to)
                unsafe (to + moved).copyMemory(from: from + moved, byteCount: bytes.count - moved)
            }
        }
    }
}
