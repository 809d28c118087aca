/// A JSON document, with the order of its keys kept, so that a configuration can be read, changed and written again.
///
/// Foundation's reader takes the last of two equal keys without a word. In a header that says where tensors lie, or
/// in a model's configuration, that hides damage, so this module reads JSON itself: see `JSONParser`.
package indirect enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A whole number written without fraction and exponent that fits 64 bits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The number as a `Double`, whole or not.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var integer: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    package var boolean: Bool? {
        guard case .boolean(let value) = self else { return nil }
        return value
    }

    package var array: [JSONValue]? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    package var object: JSONObject? {
        guard case .object(let value) = self else { return nil }
        return value
    }

    /// A word for the kind of value, for messages: "a number", "a list".
    package var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "true or false"
        case .integer, .number: "a number"
        case .string: "text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

/// The members of a JSON object in the order in which they were written.
package struct JSONObject: Sendable, Equatable {
    package private(set) var keys: [String] = []
    private var values: [String: JSONValue] = [:]

    package init() {}

    /// The member of that name. Setting `nil` takes it out; a new name goes to the end.
    package subscript(_ key: String) -> JSONValue? {
        get { values[key] }
        set {
            let isNew = values[key] == nil
            values[key] = newValue
            if newValue == nil {
                keys.removeAll { $0 == key }
            } else if isNew {
                keys.append(key)
            }
        }
    }

    package var count: Int { keys.count }
}

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
            for (index, key) in object.keys.enumerated() {
                JSONValue.separate(index, to: &text, indentation: indentation)
                JSONValue.write(key, to: &text)
                text += indentation == nil ? ":" : ": "
                (object[key] ?? .null).write(to: &text, indentation: indentation.map { $0 + 1 })
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
