extension TOMLValue {
    /// What a person calls this kind of value, for messages.
    package var kind: String {
        switch self {
        case .text(let text): "the text \"\(text)\""
        case .integer(let value): "the whole number \(value)"
        case .number(let value): "the number \(value)"
        case .flag(let value): "\(value)"
        case .list: "a list"
        case .table: "a table"
        case .moment: "a date or time"
        }
    }

    /// The value as TOML writes it behind a key.
    package var toml: String {
        switch self {
        case .text(let text): TOMLValue.quoted(text)
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): "\(value)"
        case .list(let values): "[\(values.map(\.toml).joined(separator: ", "))]"
        case .table(let table):
            "{" + table.members.map { "\(TOMLValue.quoted($0.key)) = \($0.value.toml)" }.joined(separator: ", ") + "}"
        case .moment(let text): text
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
