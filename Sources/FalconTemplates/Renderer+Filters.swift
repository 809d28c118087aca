extension Renderer {
    /// Which arguments a filter takes.
    private static let parameters: [FilterName: [String]] = [
        .attr: ["name"], .batch: ["linecount", "fill_with"], .center: ["width"],
        .default: ["default_value", "boolean"], .dictsort: ["case_sensitive", "by", "reverse"],
        .filesizeformat: ["binary"], .float: ["default"], .groupby: ["attribute", "default", "case_sensitive"],
        .indent: ["width", "first", "blank"], .int: ["default", "base"], .join: ["d", "attribute"],
        .max: ["case_sensitive", "attribute"], .min: ["case_sensitive", "attribute"],
        .replace: ["old", "new", "count"], .round: ["precision", "method"], .slice: ["slices", "fill_with"],
        .sort: ["reverse", "case_sensitive", "attribute"], .sum: ["attribute", "start"],
        .tojson: ["ensure_ascii", "indent", "separators", "sort_keys"], .trim: ["chars"],
        .truncate: ["length", "killwords", "end", "leeway"], .unique: ["case_sensitive", "attribute"],
    ]

    func apply(_ filter: FilterName, to value: Value, _ given: GivenArguments) throws -> Value {
        if case .undefined(let undefined) = value, undefined.isForbidden, filter != .default {
            throw use(undefined, "")
        }
        switch filter {
        case .map: return try mapped(value, given)
        case .select, .reject, .selectattr, .rejectattr: return try selected(filter, value, given)
        case .format: return try formatFilter(value, given)
        default: break
        }
        let arguments: [Value?]
        if given.isEmpty {
            arguments = [Value?](repeating: nil, count: 4)
        } else {
            let parameters = Renderer.parameters[filter] ?? []
            arguments = try given.bound(to: parameters, of: filter.rawValue) + [nil, nil, nil, nil]
        }
        switch filter {
        case .trim, .upper, .lower, .title, .capitalize, .center, .escape, .forceescape, .safe, .string, .replace,
            .indent, .truncate, .wordcount, .urlencode, .join, .tojson:
            return try textFilter(filter, value, arguments)
        case .abs, .int, .float, .round, .filesizeformat, .sum:
            return try numberFilter(filter, value, arguments)
        default: return try listFilter(filter, value, arguments)
        }
    }

    private func textFilter(_ filter: FilterName, _ value: Value, _ arguments: [Value?]) throws -> Value {
        switch filter {
        case .tojson: return .string(try json(value, arguments))
        case .join: return .string(try join(value, arguments))
        case .urlencode: return .string(try urlEncoded(value))
        default: break
        }
        let text = try printed(value)
        try step(text.bytes.count / 16)
        try make(text.bytes.count)
        switch filter {
        case .trim: return .string(try stripped(text, arguments[0], .both))
        case .upper, .lower, .capitalize:
            return .string((text.cased(filter.rawValue) ?? text).marked(text.isMarkup))
        case .title: return .string(text.wordsTitled.marked(text.isMarkup))
        case .center:
            let width = Value.integer(try whole(arguments[0], "center", 80))
            return try call("center", of: text, GivenArguments(positional: [width]))
        case .escape: return .string(text.escaped)
        case .forceescape: return .string(Text(text.bytes).escaped)
        case .safe: return .string(text.marked(true))
        case .string: return .string(text)
        case .replace:
            guard let old = arguments[0], let new = arguments[1] else {
                throw Problem("'replace' needs the arguments 'old' and 'new'")
            }
            let most = try whole(arguments[2], "replace", -1)
            return .string(try replaced(Text(text.bytes), printed(old), by: printed(new), most: most))
        case .indent: return .string(try indented(value, arguments))
        case .truncate: return .string(try truncated(text, arguments))
        default: return .integer(text.wordCount)
        }
    }

    /// An integer argument; `None` counts as none given.
    func whole(_ value: Value?, _ name: String, _ standard: Int) throws -> Int {
        switch value {
        case nil, Value.none?: return standard
        case let value?:
            guard let whole = value.wholeNumber else { throw Problem("'\(name)' needs an integer, not \(value.kind)") }
            return whole.bounded
        }
    }

    private func join(_ value: Value, _ arguments: [Value?]) throws -> Text {
        let separator = try arguments[0].map(printed) ?? .empty
        let getter = try memberGetter(arguments[1])
        let iterator = try iterate(value)
        var bytes: [UInt8] = []
        var isFirst = true
        while let item = try iterator.next() {
            try step()
            if !isFirst { bytes += separator.bytes }
            isFirst = false
            bytes += try printed(getter(item)).bytes
            try checkLength(bytes.count)
        }
        try make(bytes.count)
        return Text(bytes)
    }

    private func json(_ value: Value, _ arguments: [Value?]) throws -> Text {
        var writer = JSONWriter(self)
        writer.isASCII = arguments[0]?.isTrue ?? false
        switch arguments[1] {
        case nil, Value.none?: break
        case .string(let text)?: writer.indent = text
        case let width?:
            let count = try whole(width, "tojson", 0)
            guard count <= 1000 else { throw Problem("'tojson' with an indentation of more than 1000") }
            writer.indent = Text(String(repeating: " ", count: max(count, 0)))
        }
        if writer.indent != nil { writer.between = "," }
        switch arguments[2] {
        case nil, Value.none?: break
        case let separators?:
            let parts = try elements(separators).map { try printed($0).string }
            guard parts.count == 2 else { throw Problem("'tojson' needs two separators") }
            (writer.between, writer.afterKey) = (parts[0], parts[1])
        }
        writer.sortsKeys = arguments[3]?.isTrue ?? false
        try writer.write(value)
        try make(writer.bytes.count)
        return Text(writer.bytes)
    }

    private func indented(_ value: Value, _ arguments: [Value?]) throws -> Text {
        guard case .string(let text) = value else { throw Problem("'indent' needs a string, not \(value.kind)") }
        let indentation: Text
        if case .string(let given)? = arguments[0] {
            indentation = given
        } else {
            let width = try whole(arguments[0], "indent", 4)
            try make(max(width, 0))
            indentation = Text(String(repeating: " ", count: max(width, 0)))
        }
        let isFirst = arguments[1]?.isTrue ?? false
        let indentsEmpty = arguments[2]?.isTrue ?? false
        // With a line end added, so that the last line counts too.
        let lines = Text(text.bytes + [0x0A]).lines()
        try make(text.bytes.count + lines.count * (indentation.bytes.count + 1))
        var bytes = isFirst ? indentation.bytes : []
        for (place, line) in lines.enumerated() {
            if place > 0 {
                bytes.append(0x0A)
                if indentsEmpty || !line.isEmpty { bytes += indentation.bytes }
            }
            bytes += line.bytes
        }
        return Text(bytes, isMarkup: text.isMarkup)
    }

    private func truncated(_ text: Text, _ arguments: [Value?]) throws -> Text {
        let length = try whole(arguments[0], "truncate", 255)
        let end = try arguments[2].map(printed) ?? Text("...")
        let leeway = try whole(arguments[3], "truncate", 5)
        guard length >= end.count, leeway >= 0 else { throw Problem("'truncate' to less than its ending") }
        guard text.count > length + leeway else { return text }
        var kept = text.cut(0..<length - end.count)
        if !(arguments[1]?.isTrue ?? false) { kept = kept.piecesFromEnd(around: Text(" "), most: 1)[0] }
        return Text(kept.bytes + end.bytes)
    }

    private func urlEncoded(_ value: Value) throws -> Text {
        let pairs: [Value]
        switch value {
        case .string, .integer, .float, .boolean, .none: return Text(try quoted(value, isQuery: false))
        case .dictionary(let dictionary): pairs = dictionary.members.map { .tuple([$0.key, $0.value]) }
        default: pairs = try elements(value)
        }
        var bytes: [UInt8] = []
        for (place, pair) in pairs.enumerated() {
            let parts = try elements(pair)
            guard parts.count == 2 else { throw Problem("'urlencode' needs pairs") }
            if place > 0 { bytes.append(UInt8(ascii: "&")) }
            bytes += try quoted(parts[0], isQuery: true) + [UInt8(ascii: "=")] + quoted(parts[1], isQuery: true)
        }
        return Text(bytes)
    }

    private func quoted(_ value: Value, isQuery: Bool) throws -> [UInt8] {
        let text = try printed(value)
        try make(text.bytes.count * 3)
        var result: [UInt8] = []
        for byte in text.bytes {
            let isPlain =
                byte | 0x20 &- 0x61 < 26 || byte &- 0x30 < 10 || "_.-~".utf8.contains(byte)
                || (byte == UInt8(ascii: "/") && !isQuery)
            if isPlain {
                result.append(byte)
            } else if byte == 0x20, isQuery {
                result.append(UInt8(ascii: "+"))
            } else {
                result.append(contentsOf: ("%" + PythonString.hexadecimal(UInt32(byte), 2).uppercased()).utf8)
            }
        }
        return result
    }
}

extension Text {
    /// Jinja's `title`: words begin behind spaces, hyphens and opening brackets.
    var wordsTitled: Text {
        var result = ""
        var word: [Unicode.Scalar] = []
        func finish() {
            guard let first = word.first else { return }
            // The first of a word is in upper case, not title case.
            result += first.properties.uppercaseMapping + Text(word.dropFirst()).lowered()
            word = []
        }
        for scalar in scalars {
            if Text.isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) {
                finish()
                result.unicodeScalars.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        finish()
        return Text(result)
    }

    /// Runs of letters, digits and underscores.
    var wordCount: Int {
        var (count, isInside) = (0, false)
        for scalar in scalars {
            let isWord = scalar == "_" || Text(CollectionOfOne(scalar)).holds("isalnum")
            if isWord, !isInside { count += 1 }
            isInside = isWord
        }
        return count
    }
}
