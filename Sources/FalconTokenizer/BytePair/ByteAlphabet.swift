/// GPT-2's spelling of the 256 bytes as printable characters, in which byte-level vocabularies are written: bytes
/// that are printable in Latin-1 stand for themselves, the others are U+0100, U+0101, ... in order.
enum ByteAlphabet {
    /// The character of each byte.
    static let scalars: [Unicode.Scalar] = {
        var scalars: [Unicode.Scalar] = []
        var next: UInt32 = 0x100
        for byte in UInt8.min...UInt8.max {
            switch byte {
            case 0x21...0x7e, 0xa1...0xac, 0xae...0xff: scalars.append(Unicode.Scalar(byte))
            default:
                scalars.append(Unicode.Scalar(next) ?? "?")
                next += 1
            }
        }
        return scalars
    }()

    /// The UTF-8 spelling of each byte's character.
    static let spellings: [[UInt8]] = scalars.map { Array(String($0).utf8) }

    /// The names of the tokens that stand for bytes in SentencePiece's vocabularies: "<0x00>", ..., "<0xFF>".
    static let byteTokenNames: [[UInt8]] = (0..<256).map { byte in
        Array(("<0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">").utf8)
    }

    /// The byte of each character below U+0144; -1 where a character stands for none.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = Int16(byte) }
        return bytes
    }()

    /// The spelling of raw bytes, e.g. " the" as "Ġthe".
    static func spelling(of raw: ArraySlice<UInt8>) -> [UInt8] {
        var spelling: [UInt8] = []
        spelling.reserveCapacity(raw.count * 2)
        for byte in raw { spelling.append(contentsOf: spellings[Int(byte)]) }
        return spelling
    }

    /// The raw bytes that a vocabulary entry spells; `nil` where some character stands for no byte, as in an added
    /// token with a space.
    static func rawBytes(of token: String) -> [UInt8]? {
        var raw: [UInt8] = []
        raw.reserveCapacity(token.utf8.count)
        for scalar in token.unicodeScalars {
            guard scalar.value < 0x144, bytes[Int(scalar.value)] >= 0 else { return nil }
            raw.append(UInt8(bytes[Int(scalar.value)]))
        }
        return raw
    }
}
