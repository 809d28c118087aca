import FalconTensor

/// CRC-32 as zip archives carry it (polynomial 0xEDB88320), eight bytes a step.
struct CyclicRedundancyCheck {
    /// `tables[n][b]`: the remainder of byte `b` followed by `n` zero bytes, one row after the other.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var remainder = UInt32(byte)
            for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
            tables[byte] = remainder
        }
        for index in 256..<8 * 256 {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    private var remainder: UInt32 = 0xFFFF_FFFF

    var value: UInt32 { ~remainder }

    mutating func add(_ byte: UInt8) {
        remainder = remainder >> 8 ^ CyclicRedundancyCheck.tables[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
    }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        var check = CyclicRedundancyCheck()
        for byte in bytes { check.add(byte) }
        return check.value
    }

    /// The check of a part of a file, read through the map.
    static func of(_ file: MappedFile, _ range: Range<Int>) -> UInt32 {
        let tables = tables
        var check = CyclicRedundancyCheck()
        var position = range.lowerBound
        while position + 8 <= range.upperBound {
            let word = file.integer(UInt64.self, at: position) ^ UInt64(check.remainder)
            var next: UInt32 = 0
            for byte in 0..<8 { next ^= tables[(7 - byte) << 8 | Int(word >> (byte * 8) & 0xFF)] }
            check.remainder = next
            position += 8
        }
        while position < range.upperBound {
            check.add(file[position])
            position += 1
        }
        return check.value
    }
}
