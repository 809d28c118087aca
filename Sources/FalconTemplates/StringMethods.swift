extension Renderer {
    /// A method of Python's `str`.
    func call(_ name: String, of text: Text, _ given: GivenArguments) throws -> Value {
        try step(text.bytes.count / 16)
        try make(text.bytes.count)
        let result = try plainCall(name, of: text, given)
        guard text.isMarkup else { return result }
        return switch result {
        case .string(let result): .string(result.marked(true))
        case .list(let parts): .list(of: parts.map { $0.text.map { .string($0.marked(true)) } ?? $0 })
        case .tuple(let parts): .tuple(of: parts.map { $0.text.map { .string($0.marked(true)) } ?? $0 })
        default: result
        }
    }

    private func plainCall(_ name: String, of text: Text, _ given: GivenArguments) throws -> Value {
        switch name {
        case "strip", "lstrip", "rstrip":
            let side: Text.Side = name == "strip" ? .both : name == "lstrip" ? .start : .end
            return .string(try stripped(text, try positional(given, name, 0, 1)[0], side))
        case "split", "rsplit": return try split(text, given, isReversed: name == "rsplit")
        case "splitlines":
            let keeps = try given.bound(to: ["keepends"], of: name)[0]?.isTrue ?? false
            return .list(of: try parts(text.lines(keepsEnds: keeps)))
        case "startswith", "endswith": return .boolean(try isAtEnd(name, of: text, given))
        case "replace": return try replaced(text, given)
        case "join": return .string(try joined(positional(given, name, 1, 1)[0] ?? .none, text))
        case "format", "format_map": return .string(try formatted(text, given, isMap: name == "format_map"))
        case "removeprefix", "removesuffix":
            let part = try string(positional(given, name, 1, 1)[0], name)
            if name == "removeprefix" {
                return .string(text.hasPrefix(part) ? Text(text.bytes[part.bytes.count...]) : text)
            }
            return .string(text.hasSuffix(part) ? Text(text.bytes.dropLast(part.bytes.count)) : text)
        case "partition", "rpartition":
            let part = try string(positional(given, name, 1, 1)[0], name)
            guard !part.isEmpty else { throw Problem("'\(name)' with an empty separator") }
            guard let place = name == "partition" ? text.find(part) : text.findLast(part) else {
                let whole = Value.string(text)
                let nothing = Value.string(.empty)
                return .tuple(name == "partition" ? [whole, nothing, nothing] : [nothing, nothing, whole])
            }
            return .tuple([
                .string(Text(text.bytes[..<place])), .string(part),
                .string(Text(text.bytes[(place + part.bytes.count)...])),
            ])
        case "find", "rfind", "index", "rindex", "count": return try found(name, in: text, given)
        case "center", "ljust", "rjust", "zfill", "expandtabs": return .string(try padded(name, text, given))
        case "encode", "translate", "maketrans": throw Problem("'\(name)' of a string is not supported")
        default:
            _ = try positional(given, name, 0, 0)
            return text.cased(name).map(Value.string) ?? .boolean(text.holds(name))
        }
    }

    /// Arguments of a method that takes no names.
    private func positional(_ given: GivenArguments, _ name: String, _ least: Int, _ most: Int) throws -> [Value?] {
        guard given.named.isEmpty else { throw Problem("'\(name)' takes no named arguments") }
        guard (least...most).contains(given.positional.count) else {
            throw Problem("'\(name)' takes \(least == most ? "" : "\(least) to ")\(most) arguments")
        }
        return given.positional + [Value?](repeating: nil, count: most - given.positional.count)
    }

    private func string(_ value: Value?, _ name: String) throws -> Text {
        guard case .string(let text)? = value else {
            if case .undefined(let undefined)? = value { throw use(undefined, "'\(name)' with") }
            throw Problem("'\(name)' needs a string, not \(value?.kind ?? "nothing")")
        }
        return text
    }

    private func integer(_ value: Value?, _ name: String) throws -> Int {
        guard let whole = value?.wholeNumber else {
            throw Problem("'\(name)' needs an integer, not \(value?.kind ?? "nothing")")
        }
        return whole.bounded
    }

    private func parts(_ parts: [Text]) throws -> [Value] {
        try makeElements(parts.count)
        return parts.map(Value.string)
    }

    func stripped(_ text: Text, _ characters: Value?, _ side: Text.Side) throws -> Text {
        switch characters {
        case nil, Value.none?: return text.trimmed(side)
        default:
            let set = Set(try string(characters, "strip").scalars)
            return text.trimmed(side) { set.contains($0) }
        }
    }

    private func split(_ text: Text, _ given: GivenArguments, isReversed: Bool) throws -> Value {
        let values = try given.bound(to: ["sep", "maxsplit"], of: isReversed ? "rsplit" : "split")
        let most = try values[1].map { try integer($0, "split") } ?? -1
        switch values[0] {
        case nil, Value.none?:
            return .list(of: try parts(isReversed ? text.wordsFromEnd(most: most) : text.words(most: most)))
        default:
            let separator = try string(values[0], "split")
            guard !separator.isEmpty else { throw Problem("'split' with an empty separator") }
            let pieces =
                isReversed
                ? text.piecesFromEnd(around: separator, most: most) : text.pieces(around: separator, most: most)
            return .list(of: try parts(pieces))
        }
    }

    private func isAtEnd(_ name: String, of text: Text, _ given: GivenArguments) throws -> Bool {
        let values = try positional(given, name, 1, 3)
        let range = try range(values[1], values[2], in: text, name)
        guard let range else { return false }
        let part = values[1] == nil ? text : text.cut(range)
        func holds(_ value: Value) throws -> Bool {
            let mark = try string(value, name)
            return name == "startswith" ? part.hasPrefix(mark) : part.hasSuffix(mark)
        }
        if case .tuple(let choices)? = values[0] { return try choices.contains(where: holds) }
        return try holds(values[0] ?? .none)
    }

    /// Start and end as Python takes them; `nil` where the start lies behind the end.
    private func range(_ start: Value?, _ end: Value?, in text: Text, _ name: String) throws -> Range<Int>? {
        func bound(_ value: Value?, _ standard: Int) throws -> Int {
            switch value {
            case nil, Value.none?: return standard
            default:
                let whole = try integer(value, name)
                return whole < 0 ? max(whole > -text.count ? whole + text.count : 0, 0) : whole
            }
        }
        let first = try bound(start, 0)
        let last = min(try bound(end, text.count), text.count)
        return first <= last ? first..<last : nil
    }

    private func replaced(_ text: Text, _ given: GivenArguments) throws -> Value {
        let values = try positional(given, "replace", 2, 3)
        let most = try values[2].map { try integer($0, "replace") } ?? -1
        return .string(try replaced(text, string(values[0], "replace"), by: string(values[1], "replace"), most: most))
    }

    func replaced(_ text: Text, _ old: Text, by new: Text, most: Int) throws -> Text {
        guard most != 0 else { return text }
        if old.isEmpty {
            var bytes: [UInt8] = []
            var count = 0
            try make(text.bytes.count + (text.count + 1) * new.bytes.count)
            for scalar in text.scalars {
                if most < 0 || count < most { bytes += new.bytes }
                count += 1
                bytes.append(contentsOf: String(scalar).utf8)
            }
            if most < 0 || count < most { bytes += new.bytes }
            return Text(bytes)
        }
        guard var place = text.find(old) else { return text }
        var bytes: [UInt8] = []
        var start = 0
        var count = 0
        while true {
            bytes += text.bytes[start..<place]
            bytes += new.bytes
            try checkLength(bytes.count)
            start = place + old.bytes.count
            count += 1
            guard count != most, let next = text.find(old, from: start) else { break }
            place = next
        }
        bytes += text.bytes[start...]
        try make(bytes.count)
        return Text(bytes)
    }

    func joined(_ value: Value, _ separator: Text) throws -> Text {
        var bytes: [UInt8] = []
        let iterator = try iterate(value)
        var isFirst = true
        while let part = try iterator.next() {
            guard case .string(let text) = part else { throw Problem("'join' needs strings, not \(part.kind)") }
            if !isFirst { bytes += separator.bytes }
            isFirst = false
            bytes += text.bytes
            try checkLength(bytes.count)
            try step()
        }
        try make(bytes.count)
        return Text(bytes)
    }

    private func found(_ name: String, in text: Text, _ given: GivenArguments) throws -> Value {
        let values = try positional(given, name, 1, 3)
        let part = try string(values[0], name)
        guard let range = try range(values[1], values[2], in: text, name) else {
            if name.hasSuffix("index") { throw Problem("'\(name)': the text is not found") }
            return .integer(name == "count" ? 0 : -1)
        }
        let inside = text.cut(range)
        if name == "count" {
            if part.isEmpty { return .integer(inside.count + 1) }
            var (count, place) = (0, 0)
            while let next = inside.find(part, from: place) {
                count += 1
                place = next + part.bytes.count
            }
            return .integer(count)
        }
        guard let place = name.hasPrefix("r") ? inside.findLast(part) : inside.find(part) else {
            if name.hasSuffix("index") { throw Problem("'\(name)': the text is not found") }
            return .integer(-1)
        }
        return .integer(range.lowerBound + inside.index(of: place))
    }

    private func padded(_ name: String, _ text: Text, _ given: GivenArguments) throws -> Text {
        if name == "expandtabs" {
            let width = try given.bound(to: ["tabsize"], of: name)[0].map { try integer($0, name) } ?? 8
            var column = 0
            var bytes: [UInt8] = []
            for scalar in text.scalars {
                if scalar == "\t" {
                    let count = width > 0 ? width - column % width : 0
                    try checkLength(bytes.count + count)
                    bytes += [UInt8](repeating: 0x20, count: count)
                    column += count
                } else {
                    column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
                    bytes.append(contentsOf: String(scalar).utf8)
                }
            }
            try make(bytes.count)
            return Text(bytes)
        }
        let values = try positional(given, name, 1, name == "zfill" ? 1 : 2)
        let width = try integer(values[0], name)
        let fill =
            name == "zfill" ? Text("0") : try values.count > 1 && values[1] != nil ? string(values[1], name) : Text(" ")
        guard fill.count == 1 else { throw Problem("'\(name)' needs one character to fill with") }
        let missing = width - text.count
        guard missing > 0 else { return text }
        try make(width * fill.bytes.count + text.bytes.count)
        func filling(_ count: Int) -> [UInt8] { (0..<count).flatMap { _ in fill.bytes } }
        switch name {
        case "ljust": return Text(text.bytes + filling(missing))
        case "rjust": return Text(filling(missing) + text.bytes)
        case "zfill":
            let hasSign = text.bytes.first == UInt8(ascii: "-") || text.bytes.first == UInt8(ascii: "+")
            return Text(text.bytes.prefix(hasSign ? 1 : 0) + filling(missing) + text.bytes.dropFirst(hasSign ? 1 : 0))
        default:
            // Python puts the odd one on the left only where the width is odd.
            let left = missing / 2 + (missing & width & 1)
            return Text(filling(left) + text.bytes + filling(missing - left))
        }
    }
}
