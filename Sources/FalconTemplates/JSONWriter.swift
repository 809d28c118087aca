/// Python's `json.dumps`, as transformers gives it to templates: nothing escaped but what JSON needs.
struct JSONWriter {
    let renderer: Renderer
    var isASCII = false
    /// What one level is indented by; `nil` for everything on one line.
    var indent: Text?
    var between = ", "
    var afterKey = ": "
    var sortsKeys = false
    private(set) var bytes: [UInt8] = []

    init(_ renderer: Renderer) { self.renderer = renderer }

    private mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func write(_ value: Value, level: Int = 0) throws {
        try renderer.step()
        try renderer.enter()
        defer { renderer.leave() }
        switch value {
        case .none: add("null")
        case .boolean(let value): add(value ? "true" : "false")
        case .integer(let value): add("\(value)")
        case .float(let value): add(JSONWriter.number(value))
        case .string(let text): try write(text)
        case .list(let values), .tuple(let values):
            try brackets("[", "]", values.count, level) { writer, place in
                try writer.write(values[place], level: level + 1)
            }
        case .dictionary(let dictionary): try write(dictionary, level)
        default: throw Problem("'tojson' of \(value.kind)")
        }
        try renderer.checkLength(bytes.count)
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return PythonNumber.representation(value)
    }

    private mutating func write(_ dictionary: ValueDictionary, _ level: Int) throws {
        var members = dictionary.members
        if sortsKeys {
            members = try renderer.sorted(members) { left, right in
                guard let order = try renderer.order(left.key, right.key) else {
                    throw Problem("'tojson' cannot sort keys of several kinds")
                }
                return order
            }
        }
        try brackets("{", "}", members.count, level) { writer, place in
            let (key, value) = members[place]
            switch key {
            case .string(let text): try writer.write(text)
            case .none: writer.add("\"null\"")
            case .boolean(let value): writer.add(value ? "\"true\"" : "\"false\"")
            case .integer(let value): writer.add("\"\(value)\"")
            case .float(let value): writer.add("\"\(JSONWriter.number(value))\"")
            default: throw Problem("'tojson' of a dictionary with \(key.kind) as a key")
            }
            writer.add(writer.afterKey)
            try writer.write(value, level: level + 1)
        }
    }

    private mutating func brackets(
        _ open: String, _ close: String, _ count: Int, _ level: Int, _ element: (inout JSONWriter, Int) throws -> Void
    ) throws {
        add(open)
        for place in 0..<count {
            if place > 0 { add(between) }
            newLine(level + 1)
            try element(&self, place)
        }
        if count > 0 { newLine(level) }
        add(close)
    }

    private mutating func newLine(_ level: Int) {
        guard let indent else { return }
        bytes.append(0x0A)
        for _ in 0..<level { bytes.append(contentsOf: indent.bytes) }
    }

    private mutating func write(_ text: Text) throws {
        try renderer.make(text.bytes.count)
        bytes.append(UInt8(ascii: "\""))
        if isASCII {
            for scalar in text.scalars {
                if scalar.value < 0x7F {
                    write(UInt8(scalar.value))
                } else {
                    for unit in String(scalar).utf16 { add("\\u" + PythonString.hexadecimal(UInt32(unit), 4)) }
                }
            }
        } else {
            for byte in text.bytes { write(byte) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func write(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): add("\\\"")
        case UInt8(ascii: "\\"): add("\\\\")
        case 0x0A: add("\\n")
        case 0x0D: add("\\r")
        case 0x09: add("\\t")
        case 0x08: add("\\b")
        case 0x0C: add("\\f")
        case 0..<0x20: add("\\u" + PythonString.hexadecimal(UInt32(byte), 4))
        default: bytes.append(byte)
        }
    }
}
