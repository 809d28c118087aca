extension Renderer {
    /// The filter `format`: `'%s-%d' | format(a, b)`.
    func formatFilter(_ value: Value, _ given: GivenArguments) throws -> Value {
        guard given.positional.isEmpty || given.named.isEmpty else {
            throw Problem("'format' takes values or names, not both")
        }
        let text = try printed(value)
        guard given.named.isEmpty else {
            let dictionary = ValueDictionary()
            for (name, value) in given.named { dictionary.set(.string(name), value) }
            return .string(try percentFormatted(text, .dictionary(dictionary)))
        }
        return .string(try percentFormatted(text, .tuple(of: given.positional)))
    }

    /// Python's `text % values`.
    func percentFormatted(_ text: Text, _ given: Value) throws -> Text {
        let scalars = Array(text.scalars)
        var values: [Value]
        if case .tuple(let parts) = given { values = parts.values } else { values = [given] }
        let isTuple = if case .tuple = given { true } else { false }
        var next = 0
        func nextValue() throws -> Value {
            guard next < values.count else { throw Problem("'%': too few values for the text") }
            next += 1
            return values[next - 1]
        }
        var result: [UInt8] = []
        var place = 0
        var isNamed = false
        while place < scalars.count {
            let scalar = scalars[place]
            place += 1
            guard scalar == "%" else {
                result.append(contentsOf: String(scalar).utf8)
                continue
            }
            var member: Value?
            if place < scalars.count, scalars[place] == "(" {
                guard let end = scalars[place...].firstIndex(of: ")") else { throw Problem("'%(' without ')'") }
                guard case .dictionary(let dictionary) = given else { throw Problem("'%(name)' needs a dictionary") }
                let name = Text(scalars[(place + 1)..<end])
                guard let found = dictionary[name] else { throw Problem("'%(\(name.string))': no such member") }
                member = found
                isNamed = true
                place = end + 1
            }
            var specification = FormatSpecification()
            while place < scalars.count, specification.takeFlag(scalars[place]) { place += 1 }
            if place < scalars.count, scalars[place] == "*" {
                place += 1
                let width = try whole(nextValue(), "%", 0)
                if width < 0 { specification.alignment = "<" }
                specification.width = Int(clamping: width.magnitude)
            } else {
                specification.width = try number(scalars, &place) ?? 0
            }
            if place < scalars.count, scalars[place] == "." {
                place += 1
                if place < scalars.count, scalars[place] == "*" {
                    place += 1
                    specification.precision = max(try whole(nextValue(), "%", 0), 0)
                } else {
                    specification.precision = try number(scalars, &place) ?? 0
                }
            }
            while place < scalars.count, ["h", "l", "L"].contains(scalars[place]) { place += 1 }
            guard place < scalars.count else { throw Problem("'%' at the end of the text") }
            let kind = scalars[place]
            place += 1
            if kind == "%" {
                result.append(UInt8(ascii: "%"))
                continue
            }
            let value = try member ?? nextValue()
            let piece = try percent(kind, value, specification)
            result += text.isMarkup ? piece.escaped.bytes : piece.bytes
            try checkLength(result.count)
        }
        if isTuple || !isNamed {
            var takesAll = next == values.count
            if case .dictionary = given { takesAll = true }
            if case .list = given, next == 0 { takesAll = true }
            guard takesAll else { throw Problem("'%': more values than the text takes") }
        }
        values = []
        try make(result.count)
        return Text(result, isMarkup: text.isMarkup)
    }

    func number(_ scalars: [Unicode.Scalar], _ place: inout Int) throws -> Int? {
        var value: Int?
        while place < scalars.count, (0x30...0x39).contains(scalars[place].value) {
            value = (value ?? 0) * 10 + Int(scalars[place].value - 0x30)
            guard value ?? 0 <= limits.textBytes else { throw Problem("a format wider than \(limits.textBytes)") }
            place += 1
        }
        return value
    }

    private func percent(
        _ kind: Unicode.Scalar, _ value: Value, _ specification: FormatSpecification
    ) throws -> Text {
        var specification = specification
        try make(specification.width + (specification.precision ?? 0))
        switch kind {
        case "s", "r", "a":
            var text: Text
            if kind == "s" {
                text = try printed(value)
            } else {
                var writer = RepresentationWriter(self)
                try writer.write(value)
                text = Text(writer.bytes)
            }
            if let precision = specification.precision, precision < text.count { text = text.cut(0..<precision) }
            // Zeros pad numbers only.
            specification.fill = " "
            return specification.padded(text.string, standard: specification.alignment ?? ">")
        case "c":
            if case .string(let text) = value, text.count == 1 {
                return specification.padded(text.string, standard: ">")
            }
            guard let code = value.wholeNumber, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                throw Problem("'%c' needs a character")
            }
            return specification.padded(String(scalar), standard: ">")
        case "d", "i", "u", "x", "X", "o":
            let whole: Int
            if let exact = value.wholeNumber {
                whole = exact
            } else {
                guard "diu".unicodeScalars.contains(kind), let number = value.number, number.isFinite,
                    let cut = Int(exactly: number.rounded(.towardZero))
                else { throw Problem("'%\(kind)' needs an integer, not \(value.kind)") }
                whole = cut
            }
            var form = specification
            form.kind = "diu".unicodeScalars.contains(kind) ? "d" : kind
            // A precision is a least number of digits.
            form.leastDigits = form.precision ?? 0
            form.precision = nil
            return try form.written(whole)
        case "f", "F", "e", "E", "g", "G":
            guard let number = value.number else { throw Problem("'%\(kind)' needs a number, not \(value.kind)") }
            specification.kind = kind
            return try specification.written(number)
        default: throw Problem("'%\(kind)' is no format")
        }
    }

    /// Python's `text.format(...)`, with members read as the sandbox reads them.
    func formatted(_ text: Text, _ given: GivenArguments, isMap: Bool = false) throws -> Text {
        var given = given
        if isMap {
            guard given.named.isEmpty, given.positional.count == 1, case .dictionary(let members) = given.positional[0]
            else { throw Problem("'format_map' takes one dictionary") }
            given.named = members.members.compactMap { key, value in key.text.map { ($0, value) } }
            given.positional = []
        }
        var automatic = 0
        let result = try formatted(Array(text.scalars), given, &automatic, level: 0, isMarkup: text.isMarkup)
        try make(result.count)
        return Text(result)
    }

    private func formatted(
        _ scalars: [Unicode.Scalar], _ given: GivenArguments, _ automatic: inout Int, level: Int, isMarkup: Bool
    ) throws -> [UInt8] {
        var result: [UInt8] = []
        var place = 0
        while place < scalars.count {
            let scalar = scalars[place]
            place += 1
            if scalar == "{" || scalar == "}", place < scalars.count, scalars[place] == scalar {
                place += 1
                result.append(UInt8(scalar.value))
                continue
            }
            guard scalar != "}" else { throw Problem("'format': '}' without '{'") }
            guard scalar == "{" else {
                result.append(contentsOf: String(scalar).utf8)
                continue
            }
            var depth = 1
            let start = place
            while place < scalars.count, depth > 0 {
                if scalars[place] == "{" { depth += 1 }
                if scalars[place] == "}" { depth -= 1 }
                place += 1
            }
            guard depth == 0 else { throw Problem("'format': '{' without '}'") }
            guard level < 2 else { throw Problem("'format' with fields in fields in fields") }
            let field = Array(scalars[start..<(place - 1)])
            result += try formatted(field: field, given, &automatic, level: level, isMarkup: isMarkup)
            try checkLength(result.count)
        }
        return result
    }

    private func formatted(
        field: [Unicode.Scalar], _ given: GivenArguments, _ automatic: inout Int, level: Int, isMarkup: Bool
    ) throws -> [UInt8] {
        let end = field.firstIndex { $0 == ":" || $0 == "!" } ?? field.count
        var value = try fieldValue(Array(field[..<end]), given, &automatic)
        var rest = field[end...]
        if rest.first == "!" {
            guard rest.count >= 2 else { throw Problem("'format': '!' without a conversion") }
            switch rest[rest.startIndex + 1] {
            case "s": value = .string(Text(try printed(value).bytes))
            case "r", "a":
                var writer = RepresentationWriter(self)
                try writer.write(value)
                value = .string(Text(writer.bytes))
            default: throw Problem("'format': an unknown conversion")
            }
            rest = rest.dropFirst(2)
            guard rest.isEmpty || rest.first == ":" else { throw Problem("'format': ':' should follow a conversion") }
        }
        let inner = try formatted(Array(rest.dropFirst()), given, &automatic, level: level + 1, isMarkup: false)
        let text = try formatted(value, Text(inner))
        return isMarkup ? text.escaped.bytes : text.bytes
    }

    private func fieldValue(
        _ name: [Unicode.Scalar], _ given: GivenArguments, _ automatic: inout Int
    ) throws -> Value {
        let end = name.firstIndex { $0 == "." || $0 == "[" } ?? name.count
        let first = Text(name[..<end])
        var value: Value
        if first.isEmpty || first.holds("isdecimal") {
            let number = first.isEmpty ? automatic : Int(first.string) ?? .max
            if first.isEmpty { automatic += 1 }
            guard number < given.positional.count else { throw Problem("'format': no value number \(number)") }
            value = given.positional[number]
        } else {
            guard let found = given.named.first(where: { $0.name == first }) else {
                throw Problem("'format': no value '\(first.string)'")
            }
            value = found.value
        }
        var place = end
        while place < name.count {
            let isAttribute = name[place] == "."
            let close = isAttribute ? nil : name[place...].firstIndex(of: "]")
            let stop = isAttribute ? name[(place + 1)...].firstIndex { $0 == "." || $0 == "[" } ?? name.count : close
            guard let stop, stop > place + 1, isAttribute || name[place] == "[" else {
                throw Problem("'format': a field without its end")
            }
            let part = Text(name[(place + 1)..<stop])
            if isAttribute {
                value = try attribute(part, of: value)
            } else {
                let number = part.holds("isdecimal") ? Int(part.string) : nil
                value = try item(number.map(Value.integer) ?? .string(part), of: value)
            }
            place = isAttribute ? stop : stop + 1
        }
        return value
    }

    private func formatted(_ value: Value, _ specification: Text) throws -> Text {
        if specification.isEmpty { return try printed(value) }
        var form = FormatSpecification()
        let scalars = Array(specification.scalars)
        var place = 0
        if scalars.count > 1, "<>=^".unicodeScalars.contains(scalars[1]) {
            (form.fill, form.alignment) = (scalars[0], scalars[1])
            place = 2
        } else if "<>=^".unicodeScalars.contains(scalars[0]) {
            form.alignment = scalars[0]
            place = 1
        }
        if place < scalars.count, "+- ".unicodeScalars.contains(scalars[place]) {
            form.sign = scalars[place]
            place += 1
        }
        if place < scalars.count, scalars[place] == "#" {
            form.isAlternate = true
            place += 1
        }
        if place < scalars.count, scalars[place] == "0" {
            if form.alignment == nil { (form.fill, form.alignment) = ("0", "=") }
            place += 1
        }
        form.width = try number(scalars, &place) ?? 0
        if place < scalars.count, scalars[place] == "," || scalars[place] == "_" {
            form.grouping = scalars[place]
            place += 1
        }
        if place < scalars.count, scalars[place] == "." {
            place += 1
            guard let precision = try number(scalars, &place) else { throw Problem("'format': '.' without digits") }
            form.precision = precision
        }
        if place < scalars.count {
            form.kind = scalars[place]
            place += 1
        }
        guard place == scalars.count else { throw Problem("'format': '\(specification.string)' is no format") }
        try make(form.width + (form.precision ?? 0))
        switch value {
        case .string(let text):
            guard form.kind == nil || form.kind == "s", form.alignment != "=", form.sign == nil else {
                throw Problem("'format': '\(specification.string)' is no format of a string")
            }
            let cut = form.precision.map { $0 < text.count ? text.cut(0..<$0) : text } ?? text
            return form.padded(cut.string, standard: "<")
        case .float(let value): return try form.written(value)
        case .integer, .boolean:
            let whole = value.wholeNumber ?? 0
            if let kind = form.kind, "eEfFgG%".unicodeScalars.contains(kind) { return try form.written(Double(whole)) }
            if case .boolean = value, form.kind == nil || form.kind == "s" {
                guard form.kind == nil else { throw Problem("'format': 's' is no format of a truth value") }
            }
            guard form.precision == nil else { throw Problem("'format': an integer has no precision") }
            return try form.written(whole)
        default: throw Problem("'format' of \(value.kind) takes no '\(specification.string)'")
        }
    }
}
