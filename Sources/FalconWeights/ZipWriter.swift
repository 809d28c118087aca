import FalconTensor

/// Writes a zip archive without compression, in the form that PyTorch's reader expects: the data of every record
/// starts at a multiple of 64 bytes, so that it can be mapped.
package struct ZipWriter {
    private let file: AtomicFile
    private var position: UInt64 = 0
    private var directory: [UInt8] = []
    private var count: UInt64 = 0

    package init(_ file: AtomicFile) { self.file = file }

    package mutating func add(_ name: String, _ bytes: [UInt8]) throws {
        let name = Array(name.utf8)
        let check = CyclicRedundancyCheck.of(bytes)
        let size = UInt64(bytes.count)
        var wide: [UInt8] = []
        if size >= 0xFFFF_FFFF {
            wide += UInt16(1).littleEndianBytes + UInt16(16).littleEndianBytes
            wide += size.littleEndianBytes + size.littleEndianBytes
        }
        // Padding in an extra field of its own ("FB", as PyTorch calls it).
        let unpadded = position + 30 + UInt64(name.count + wide.count) + 4
        let padding = Int((64 - unpadded % 64) % 64)
        let extra = wide + [0x46, 0x42] + UInt16(padding).littleEndianBytes + [UInt8](repeating: 0x5A, count: padding)
        let start = position

        try write(UInt32(0x0403_4B50).littleEndianBytes)
        let common = common(check: check, size: size, nameCount: name.count)
        try write(common + UInt16(extra.count).littleEndianBytes + name + extra)
        try write(bytes)
        addToDirectory(name, common: common, size: size, start: start)
    }

    /// Version needed up to the length of the name: the part that local and central headers share.
    private func common(check: UInt32, size: UInt64, nameCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes += UInt16(45).littleEndianBytes  // version 4.5: zip64
        bytes += UInt16(0x0800).littleEndianBytes  // names are UTF-8
        bytes += UInt16(0).littleEndianBytes  // not compressed
        bytes += UInt16(0).littleEndianBytes + UInt16(0x21).littleEndianBytes  // 1980-01-01: files compare equal
        bytes += check.littleEndianBytes
        let narrow = UInt32(min(size, 0xFFFF_FFFF))
        bytes += narrow.littleEndianBytes + narrow.littleEndianBytes
        return bytes + UInt16(nameCount).littleEndianBytes
    }

    private mutating func addToDirectory(_ name: [UInt8], common: [UInt8], size: UInt64, start: UInt64) {
        var numbers: [UInt8] = []
        if size >= 0xFFFF_FFFF { numbers += size.littleEndianBytes + size.littleEndianBytes }
        if start >= 0xFFFF_FFFF { numbers += start.littleEndianBytes }
        let extra =
            numbers.isEmpty
            ? [] : UInt16(1).littleEndianBytes + UInt16(numbers.count).littleEndianBytes + numbers
        directory += UInt32(0x0201_4B50).littleEndianBytes + UInt16(45).littleEndianBytes + common
        directory += UInt16(extra.count).littleEndianBytes
        // Comment, disk, internal and external attributes: none.
        directory += [UInt8](repeating: 0, count: 10)
        directory += UInt32(min(start, 0xFFFF_FFFF)).littleEndianBytes + name + extra
        count += 1
    }

    /// Writes the central directory and the end records. Nothing may be added after it.
    package mutating func finish() throws {
        let start = position
        let size = UInt64(directory.count)
        try write(directory)
        if start >= 0xFFFF_FFFF || count >= 0xFFFF {
            let end = position
            var bytes = UInt32(0x0606_4B50).littleEndianBytes + UInt64(44).littleEndianBytes
            bytes += UInt16(45).littleEndianBytes + UInt16(45).littleEndianBytes + [UInt8](repeating: 0, count: 8)
            bytes += count.littleEndianBytes + count.littleEndianBytes
            bytes += size.littleEndianBytes + start.littleEndianBytes
            bytes += UInt32(0x0706_4B50).littleEndianBytes + UInt32(0).littleEndianBytes
            bytes += end.littleEndianBytes + UInt32(1).littleEndianBytes
            try write(bytes)
        }
        let narrowCount = UInt16(min(count, 0xFFFF)).littleEndianBytes
        var bytes = UInt32(0x0605_4B50).littleEndianBytes + UInt32(0).littleEndianBytes + narrowCount + narrowCount
        bytes += UInt32(size).littleEndianBytes + UInt32(min(start, 0xFFFF_FFFF)).littleEndianBytes
        try write(bytes + UInt16(0).littleEndianBytes)
    }

    private mutating func write(_ bytes: [UInt8]) throws {
        try file.write(bytes)
        position += UInt64(bytes.count)
    }
}
