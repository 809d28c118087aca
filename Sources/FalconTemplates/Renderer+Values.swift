extension Renderer {
    /// Goes through a value as Python's `for` does.
    func iterate(_ value: Value) throws -> ValueIterator {
        switch value {
        case .list(let values), .tuple(let values): return ValueIterator(list: values)
        case .string(let text):
            var place = 0
            return ValueIterator(nesting: 0) {
                guard let (_, next) = Text.scalar(in: text.bytes, at: place, end: text.bytes.count) else { return nil }
                defer { place = next }
                return .string(Text(text.bytes[place..<next]))
            }
        case .dictionary(let dictionary): return ValueIterator(dictionary.members.map(\.key))
        case .view(let view):
            var place = 0
            return ValueIterator(nesting: view.dictionary.nesting) {
                guard place < view.dictionary.count else { return nil }
                place += 1
                return view[place - 1]
            }
        case .range(let range):
            var place = 0
            return ValueIterator(nesting: 0) {
                guard place < range.count else { return nil }
                place += 1
                return .integer(range[place - 1])
            }
        case .iterator(let iterator): return iterator
        case .undefined(let undefined):
            if undefined.isForbidden { throw use(undefined, "a loop over") }
            return ValueIterator([])
        default: throw Problem("a loop over \(value.kind)")
        }
    }

    /// All that iteration gives.
    func elements(_ value: Value) throws -> [Value] {
        switch value {
        case .list(let values), .tuple(let values): return values.values
        default:
            let iterator = try iterate(value)
            var values: [Value] = []
            while let item = try iterator.next() {
                values.append(item)
                try step()
                guard values.count <= limits.elements else {
                    throw Problem("makes a list of more than \(limits.elements) elements")
                }
            }
            try makeElements(values.count)
            return values
        }
    }

    /// Python's `len`.
    func count(of value: Value) throws -> Int {
        switch value {
        case .string(let text): return text.count
        case .list(let values), .tuple(let values): return values.count
        case .dictionary(let dictionary): return dictionary.count
        case .view(let view): return view.dictionary.count
        case .range(let range): return range.count
        case .undefined(let undefined):
            if undefined.isForbidden { throw use(undefined, "the length of") }
            return 0
        default: throw Problem("\(value.kind) has no length")
        }
    }

    /// Python's `str`, which is what a template prints.
    func printed(_ value: Value) throws -> Text {
        switch value {
        case .string(let text): return text
        case .undefined: return .empty
        case .integer(let value): return Text("\(value)")
        default:
            var writer = RepresentationWriter(self)
            try writer.write(value)
            return Text(writer.bytes)
        }
    }
}

/// Python's `repr`.
struct RepresentationWriter {
    private let renderer: Renderer
    private(set) var bytes: [UInt8] = []

    init(_ renderer: Renderer) { self.renderer = renderer }

    private mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func write(_ value: Value) throws {
        try renderer.step()
        try renderer.enter()
        defer { renderer.leave() }
        switch value {
        case .undefined: add("Undefined")
        case .none: add("None")
        case .boolean(let value): add(value ? "True" : "False")
        case .integer(let value): add("\(value)")
        case .float(let value): add(PythonNumber.representation(value))
        case .string(let text):
            try renderer.make(text.bytes.count)
            if text.isMarkup { add("Markup(") }
            add(PythonString.representation(text.string))
            if text.isMarkup { add(")") }
        case .list(let values):
            add("[")
            try write(values.values)
            add("]")
        case .tuple(let values):
            add("(")
            try write(values.values)
            add(values.count == 1 ? ",)" : ")")
        case .dictionary(let dictionary): try write(dictionary)
        case .view(let view):
            add("dict_\(view.kind.rawValue)([")
            try write((0..<view.dictionary.count).map { view[$0] })
            add("])")
        case .range(let range):
            add("range(\(range.start), \(range.stop)\(range.step == 1 ? "" : ", \(range.step)"))")
        case .namespace(let namespace):
            add("<Namespace ")
            try write(namespace.attributes)
            add(">")
        case .macro(let macro):
            let name = macro.definition.name.map { PythonString.representation($0) } ?? "anonymous"
            add("<Macro \(name)>")
        case .loop(let state):
            let length = try state.attribute("length", renderer)?.wholeNumber ?? 0
            add("<LoopContext \(state.index)/\(length)>")
        case .iterator, .function, .method, .cycler, .joiner:
            throw Problem("\(value.kind) cannot be written as text")
        }
        try renderer.checkLength(bytes.count)
    }

    private mutating func write(_ values: [Value]) throws {
        for (place, value) in values.enumerated() {
            if place > 0 { add(", ") }
            try write(value)
        }
    }

    private mutating func write(_ dictionary: ValueDictionary) throws {
        add("{")
        for (place, (key, value)) in dictionary.members.enumerated() {
            if place > 0 { add(", ") }
            try write(key)
            add(": ")
            try write(value)
        }
        add("}")
    }
}

extension Value {
    /// For errors: a string in quotation marks, cut where it is long.
    static func shortRepresentation(_ value: Value) -> String {
        switch value {
        case .string(let text): "'\(text.string.prefix(40))'"
        case .integer(let value): "\(value)"
        default: value.kind
        }
    }
}
