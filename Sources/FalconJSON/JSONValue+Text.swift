extension JSONValue {
    /// The document as text, without a line break at the end.
    ///
    /// - Parameter isPretty: one member a line, indented by two spaces; otherwise everything on one line.
    package func text(isPretty: Bool = false) -> String {
        var result = ""
        write(to: &result, indentation: isPretty ? 0 : nil)
        return result
    }

    private func write(to text: inout String, indentation: Int?) {
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): JSONValue.write(value, to: &text)
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                JSONValue.separate(index, to: &text, indentation: indentation)
                value.write(to: &text, indentation: indentation.map { $0 + 1 })
            }
            JSONValue.close("]", isEmpty: values.isEmpty, to: &text, indentation: indentation)
        case .object(let object):
            text += "{"
            for (index, member) in object.members.enumerated() {
                JSONValue.separate(index, to: &text, indentation: indentation)
                JSONValue.write(member.key, to: &text)
                text += indentation == nil ? ":" : ": "
                member.value.write(to: &text, indentation: indentation.map { $0 + 1 })
            }
            JSONValue.close("}", isEmpty: object.count == 0, to: &text, indentation: indentation)
        }
    }

    private static func separate(_ index: Int, to text: inout String, indentation: Int?) {
        if index > 0 { text += "," }
        if let indentation { text += "\n" + String(repeating: "  ", count: indentation + 1) }
    }

    private static func close(_ bracket: String, isEmpty: Bool, to text: inout String, indentation: Int?) {
        if let indentation, !isEmpty { text += "\n" + String(repeating: "  ", count: indentation) }
        text += bracket
    }

    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
