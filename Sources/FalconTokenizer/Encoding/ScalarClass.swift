/// The classes of characters that the pre-tokenizers' patterns speak of: \p{L}, \p{N}, \s, and the rest.
enum ScalarClass: UInt8, Sendable {
    case other
    case letter
    case number
    case space

    /// The class of a Unicode scalar value. O(1); a table covers what is common.
    @inline(__always)
    static func of(_ value: UInt32) -> ScalarClass {
        if value < 0x3100 { return table[Int(value)] }
        if 0x4e00...0x9fff ~= value || 0xac00...0xd7a3 ~= value { return .letter }
        return classify(value)
    }

    /// Whether a scalar is a word character, \w: a letter, mark, decimal number, connector or joiner.
    static func isWord(_ value: UInt32) -> Bool {
        guard let properties = Unicode.Scalar(value)?.properties else { return false }
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }

    private static let table: [ScalarClass] = (0..<0x3100).map { classify($0) }

    private static func classify(_ value: UInt32) -> ScalarClass {
        guard let properties = Unicode.Scalar(value)?.properties else { return .other }
        if properties.isWhitespace { return .space }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return .other
        }
    }
}
