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

    /// Whether a scalar is a word character or joins two, as `\w` in Rust.
    static func isWord(_ value: UInt32) -> Bool {
        GeneralCategories.isWord(value) || 0x200c...0x200d ~= value
    }

    private static let table: [ScalarClass] = (0..<0x3100).map { classify($0) }

    private static func classify(_ value: UInt32) -> ScalarClass {
        let category = GeneralCategories.bit(of: value)
        if category & letters != 0 { return .letter }
        if category & numbers != 0 { return .number }
        return Unicode.Scalar(value)?.properties.isWhitespace ?? false ? .space : .other
    }

    private static let letters = GeneralCategories.bits(named: "L") ?? 0
    private static let numbers = GeneralCategories.bits(named: "N") ?? 0
}
