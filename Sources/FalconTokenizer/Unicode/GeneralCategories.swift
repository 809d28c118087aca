/// The general categories of Unicode, as bits: those of version 16, which the regular expressions of Hugging Face
/// tokenizers have. What is newer counts as unassigned.
enum GeneralCategories {
    /// By name, as `\p{...}` writes them: `L`, `Lu`, ...
    static func bits(named name: String) -> UInt32? {
        let found = names.enumerated().reduce(UInt32(0)) { bits, entry in
            entry.element == name || (name.utf8.count == 1 && entry.element.hasPrefix(name))
                ? bits | 1 << UInt32(entry.offset) : bits
        }
        return found == 0 ? nil : found
    }

    static let all: UInt32 = 1 << UInt32(names.count) - 1

    /// Whether a scalar is a word character: alphabetic, a mark, a decimal number or a connector. O(1).
    static func isWord(_ value: UInt32) -> Bool {
        if bit(of: value) & word != 0 { return true }
        return Unicode.Scalar(value)?.properties.isAlphabetic ?? false && bit(of: value) & unassigned == 0
    }

    private static let word = ["L", "M", "Nd", "Pc"].reduce(0) { $0 | (bits(named: $1) ?? 0) }
    private static let unassigned = bits(named: "Cn") ?? 0

    /// The bit of a scalar's category. O(1).
    @inline(__always)
    static func bit(of value: UInt32) -> UInt32 {
        1 << UInt32(value < UInt32(table.count) ? table[Int(value)] : index(of: value))
    }

    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    /// The scripts that are written every day and most symbols.
    private static let table: [UInt8] = (0..<0x2_0000).map { index(of: $0) }

    private static func index(of value: UInt32) -> UInt8 {
        guard let properties = Unicode.Scalar(value)?.properties else { return 27 }
        // Was lower case before version 17.
        if value == 0x295 { return 1 }
        if let age = properties.age, age.major > 16 { return 29 }
        return switch properties.generalCategory {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}
