/// Text as a terminal may show it: what would move its cursor, change its settings or turn the order of letters round
/// is written out, so that no model, data set or file can do so.
package enum VisibleText {
    /// - Parameter keepsLines: whether ends of lines and tabs stay what they are.
    /// - Returns: the text with each control and format character as `\u{1b}`. Scalars are looked at one by one, so a
    ///   text may come in pieces.
    package static func shown(_ text: String, keepsLines: Bool) -> String {
        guard text.unicodeScalars.contains(where: { isHidden($0, keepsLines: keepsLines) }) else { return text }
        return text.unicodeScalars.map { scalar in
            isHidden(scalar, keepsLines: keepsLines)
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }

    /// The same within JSON, which stays JSON.
    package static func shownJSON(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { isHidden($0, keepsLines: true) }) else { return text }
        return text.unicodeScalars.map { scalar in
            guard isHidden(scalar, keepsLines: true) else { return String(scalar) }
            return String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }.joined()
    }

    private static func isHidden(_ scalar: Unicode.Scalar, keepsLines: Bool) -> Bool {
        if scalar.isASCII, scalar.value >= 0x20, scalar.value != 0x7f { return false }
        switch scalar {
        case "\n", "\t": return !keepsLines
        // They join letters of scripts and the parts of an emoji.
        case "\u{200c}", "\u{200d}": return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }
}
