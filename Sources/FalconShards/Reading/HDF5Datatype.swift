import FalconTensor

/// What one element is, from its datatype message (specification, section IV.A.2.d).
enum HDF5Datatype: Equatable {
    case number(HDF5ElementType)
    /// A whole number that shards have no use for but attributes may be; of 1 to 8 bytes.
    case integer(size: Int, isSigned: Bool)
    case fixedText(size: Int)
    /// A length and a reference into a global heap.
    case variableText
    case other

    /// Bytes of an element of text of variable length: length, address, index.
    static let referenceSize = 16

    /// - Parameter cursor: at the message's content.
    init(_ cursor: inout HDF5Cursor) throws {
        let (kind, flags) = (try cursor.number(1) & 15, try cursor.number(3))
        let size = try cursor.number(4)
        let isLittleEndian = flags & 1 == 0
        switch kind {
        case 0 where isLittleEndian:
            let (offset, precision) = (try cursor.number(2), try cursor.number(2))
            guard offset == 0, (1...8).contains(size), precision == 8 * size else {
                self = .other
                return
            }
            self = HDF5Datatype.integer(size, isSigned: flags & 8 != 0)
        case 1 where isLittleEndian && flags & 0x40 == 0:
            // Sign, then place and size of exponent and mantissa, then the bias: IEEE 754 halves and singles.
            let sign = flags >> 8 & 0xff
            let fields = try (0..<2).map { _ in try cursor.number(2) } + (0..<4).map { _ in try cursor.number(1) }
            let layout = [size, sign] + fields + [try cursor.number(4)]
            switch layout {
            case [2, 15, 0, 16, 10, 5, 0, 10, 15]: self = .number(.float16)
            case [4, 31, 0, 32, 23, 8, 0, 23, 127]: self = .number(.float32)
            default: self = .other
            }
        case 3: self = size > 0 ? .fixedText(size: size) : .other
        case 9: self = flags & 15 == 1 && size == HDF5Datatype.referenceSize ? .variableText : .other
        default: self = .other
        }
    }

    private static func integer(_ size: Int, isSigned: Bool) -> HDF5Datatype {
        switch (size, isSigned) {
        case (1, true): .number(.int8)
        case (1, false): .number(.uint8)
        case (2, false): .number(.uint16)
        case (4, true): .number(.int32)
        case (8, true): .number(.int64)
        default: .integer(size: size, isSigned: isSigned)
        }
    }
}

/// The sizes of the axes, from a dataspace message (section IV.A.2.b): `[]` for one single element.
enum HDF5Dataspace {
    static func shape(_ cursor: inout HDF5Cursor) throws -> [Int] { try sizes(&cursor).now }

    /// The sizes as they are and at their greatest. An axis without a limit is given as it is: whoever asks for its
    /// limit has none of that kind.
    static func sizes(_ cursor: inout HDF5Cursor) throws -> (now: [Int], largest: [Int]) {
        let version = try cursor.number(1)
        guard version == 1 || version == 2 else { throw cursor.problem("a dataspace has an unknown version") }
        let (axes, flags) = (try cursor.number(1), try cursor.number(1))
        try cursor.skip(version == 1 ? 5 : 1)
        guard axes <= 32 else { throw cursor.problem("a dataspace has \(axes) axes") }
        let now = try (0..<axes).map { _ in try cursor.number(8) }
        guard flags & 1 != 0 else { return (now, now) }
        let largest = try now.map { size in
            let bits = try cursor.bits(8)
            return bits == .max ? size : Int(exactly: bits) ?? size
        }
        guard zip(now, largest).allSatisfy({ $0 <= $1 && $1 < Int.max / 2 }) else {
            throw cursor.problem("a dataspace is larger than its greatest size")
        }
        return (now, largest)
    }
}
