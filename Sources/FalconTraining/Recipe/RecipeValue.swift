import FalconTOML

/// A value of a recipe as it was written, before anyone asked which type it should have.
enum RecipeValue: Equatable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case list([RecipeValue])
    case table([String: RecipeValue])
    /// A date or a time: valid TOML that no key takes.
    case other(String)

    /// What a person calls this kind of value.
    var kind: String {
        switch self {
        case .text(let text): "the text \"\(text)\""
        case .integer(let value): "the whole number \(value)"
        case .number(let value): "the number \(value)"
        case .flag(let value): "\(value)"
        case .list: "a list"
        case .table: "a table"
        case .other(let kind): "a \(kind)"
        }
    }

    /// The value as TOML.
    var toml: String {
        switch self {
        case .text(let text): RecipeValue.quoted(text)
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): "\(value)"
        case .list(let values): "[\(values.map(\.toml).joined(separator: ", "))]"
        case .table, .other: "{}"
        }
    }

    /// Reads TOML text into nested tables.
    ///
    /// - Throws: `RecipeError` with the line and column of the first mistake.
    static func table(toml: String, source: String) throws -> [String: RecipeValue] {
        try table(toml: Array(toml.utf8), source: source)
    }

    /// The same for a file's bytes.
    static func table(toml: [UInt8], source: String) throws -> [String: RecipeValue] {
        do {
            return RecipeValue.dictionary(try TOMLValue.parse(toml))
        } catch {
            throw RecipeError(source: source, key: "", problem: "is not TOML at \(error)")
        }
    }

    /// Keys that differ in their bytes only are not a recipe's anyway, so any one of them may be the one to name.
    private static func dictionary(_ table: TOMLTable) -> [String: RecipeValue] {
        Dictionary(table.members.map { ($0.key, RecipeValue($0.value)) }) { first, _ in first }
    }

    private init(_ value: TOMLValue) {
        switch value {
        case .text(let text): self = .text(text)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .flag(let value): self = .flag(value)
        case .list(let values): self = .list(values.map(RecipeValue.init))
        case .table(let entries): self = .table(RecipeValue.dictionary(entries))
        case .moment: self = .other("date or time")
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case let other where other.value < 0x20 || other.value == 0x7f:
                let digits = String(other.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
