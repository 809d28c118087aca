extension Renderer {
    /// What `attribute='a.b.0'` takes of an item; the item itself without it.
    func memberGetter(_ attribute: Value?, standard: Value? = nil) throws -> (Value) throws -> Value {
        let parts: [Value]
        switch attribute {
        case nil, Value.none?: return { $0 }
        case .string(let text)?:
            parts = text.pieces(around: Text(".")).map { part in
                part.holds("isdigit") ? Int(part.string).map(Value.integer) ?? .string(part) : .string(part)
            }
        case .integer(let place)?: parts = [.integer(place)]
        case let other?: throw Problem("an attribute is named by a string or an integer, not \(other.kind)")
        }
        return { [unowned self] value in
            var value = value
            for part in parts {
                value = try item(part, of: value)
                if let standard, value.isUndefined { value = standard }
            }
            return value
        }
    }

    private func foldingCase(_ value: Value) -> Value {
        if case .string(let text) = value { .string(text.cased("lower") ?? text) } else { value }
    }

    /// A stable sort; `order` may throw, which the library's own does not bear without a copy.
    func sorted<Element>(_ elements: [Element], _ order: (Element, Element) throws -> Int) throws -> [Element] {
        guard elements.count > 1 else { return elements }
        let middle = elements.count / 2
        let left = try sorted(Array(elements[..<middle]), order)
        let right = try sorted(Array(elements[middle...]), order)
        var merged: [Element] = []
        merged.reserveCapacity(elements.count)
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if try order(right[j], left[i]) < 0 {
                merged.append(right[j])
                j += 1
            } else {
                merged.append(left[i])
                i += 1
            }
        }
        return merged + left[i...] + right[j...]
    }

    private func requiredOrder(_ left: Value, _ right: Value) throws -> Int {
        guard let order = try order(left, right) else {
            throw Problem("\(left.kind) and \(right.kind) have no order")
        }
        return order
    }

    private func sortedByKey(
        _ values: [Value], isReversed: Bool, _ key: (Value) throws -> [Value]
    ) throws -> [Value] {
        let pairs = try values.map { (key: try key($0), value: $0) }
        let result = try sorted(pairs) { left, right in
            let order = try requiredOrder(.tuple(of: left.key), .tuple(of: right.key))
            return isReversed ? -order : order
        }
        return result.map(\.value)
    }

    func listFilter(_ filter: FilterName, _ value: Value, _ arguments: [Value?]) throws -> Value {
        switch filter {
        case .length: return .integer(try count(of: value))
        case .list: return .list(of: try elements(value))
        case .default:
            let isMissing = value.isUndefined || (arguments[1]?.isTrue == true && !value.isTrue)
            return isMissing ? arguments[0] ?? .string(.empty) : value
        case .first:
            return try iterate(value).next() ?? .undefined(Undefined("the first of no items"))
        case .last:
            if case .iterator = value { throw Problem("'last' of a generator") }
            return try elements(value).last ?? .undefined(Undefined("the last of no items"))
        case .items:
            switch value {
            case .undefined: return .iterator(ValueIterator([]))
            case .dictionary(let dictionary):
                return .iterator(try iterate(.view(DictionaryView(dictionary: dictionary, kind: .items))))
            default: throw Problem("'items' of \(value.kind)")
            }
        case .reverse:
            switch value {
            case .string(let text): return .string(Text(text.scalars.reversed()).marked(text.isMarkup))
            case .list, .tuple, .range, .dictionary, .view, .undefined:
                return .iterator(ValueIterator(try elements(value).reversed()))
            default: return .list(of: try elements(value).reversed())
            }
        case .attr:
            guard let name = arguments[0] else { throw Problem("'attr' needs a name") }
            return try attributeOnly(printed(name), of: value)
        case .dictsort: return try sortedMembers(value, arguments)
        case .sort:
            let getters = try sortGetters(arguments[2])
            let isCaseSensitive = arguments[1]?.isTrue ?? false
            return .list(
                of: try sortedByKey(elements(value), isReversed: arguments[0]?.isTrue ?? false) { item in
                    try getters.map { isCaseSensitive ? try $0(item) : foldingCase(try $0(item)) }
                })
        case .min, .max: return try extreme(value, arguments, isMaximum: filter == .max)
        case .unique: return try unique(value, arguments)
        case .groupby: return try grouped(value, arguments)
        case .batch: return .iterator(ValueIterator(try batches(value, arguments)))
        case .slice: return .iterator(ValueIterator(try slices(value, arguments)))
        default: throw Problem("the filter '\(filter.rawValue)' is not supported")
        }
    }

    /// `attr`: what Python calls an attribute, not a member of a dictionary.
    private func attributeOnly(_ name: Text, of value: Value) throws -> Value {
        switch value {
        case .dictionary, .list, .tuple, .string:
            Method.named(name.string, of: value)
                ?? .undefined(Undefined("'\(name.string)', which \(value.kind) does not have"))
        default: try attribute(name, of: value)
        }
    }

    private func sortedMembers(_ value: Value, _ arguments: [Value?]) throws -> Value {
        guard case .dictionary(let dictionary) = value else { throw Problem("'dictsort' of \(value.kind)") }
        let by = try arguments[1].map(printed) ?? Text("key")
        guard by == Text("key") || by == Text("value") else {
            throw Problem("'dictsort' sorts by 'key' or 'value', not by '\(by.string)'")
        }
        let isCaseSensitive = arguments[0]?.isTrue ?? false
        let pairs = dictionary.members.map { Value.tuple([$0.key, $0.value]) }
        return .list(
            of: try sortedByKey(pairs, isReversed: arguments[2]?.isTrue ?? false) { pair in
                guard case .tuple(let parts) = pair else { return [] }
                let part = parts[by == Text("key") ? 0 : 1]
                return [isCaseSensitive ? part : foldingCase(part)]
            })
    }

    private func sortGetters(_ attribute: Value?) throws -> [(Value) throws -> Value] {
        guard case .string(let text)? = attribute else { return [try memberGetter(attribute)] }
        return try text.pieces(around: Text(",")).map { try memberGetter(.string($0)) }
    }

    private func extreme(_ value: Value, _ arguments: [Value?], isMaximum: Bool) throws -> Value {
        let getter = try memberGetter(arguments[1])
        let isCaseSensitive = arguments[0]?.isTrue ?? false
        func key(_ item: Value) throws -> Value {
            isCaseSensitive ? try getter(item) : foldingCase(try getter(item))
        }
        var best: (item: Value, key: Value)?
        for item in try elements(value) {
            let key = try key(item)
            guard let known = best else {
                best = (item, key)
                continue
            }
            let order = try requiredOrder(key, known.key)
            if isMaximum ? order > 0 : order < 0 { best = (item, key) }
        }
        return best?.item ?? .undefined(Undefined("the least or greatest of no items"))
    }

    private func unique(_ value: Value, _ arguments: [Value?]) throws -> Value {
        let getter = try memberGetter(arguments[1])
        let isCaseSensitive = arguments[0]?.isTrue ?? false
        var seen: Set<DictionaryKey> = []
        let source = try iterate(value)
        return .iterator(
            ValueIterator(nesting: source.nesting) { [unowned self] in
                while let item = try source.next() {
                    try step()
                    let value = try getter(item)
                    guard let key = DictionaryKey(isCaseSensitive ? value : foldingCase(value)) else {
                        throw Problem("'unique' of \(value.kind)")
                    }
                    if seen.insert(key).inserted { return item }
                }
                return nil
            })
    }

    private func grouped(_ value: Value, _ arguments: [Value?]) throws -> Value {
        guard let attribute = arguments[0] else { throw Problem("'groupby' needs an attribute") }
        let getter = try memberGetter(attribute, standard: arguments[1])
        let isCaseSensitive = arguments[2]?.isTrue ?? false
        func key(_ item: Value) throws -> Value {
            isCaseSensitive ? try getter(item) : foldingCase(try getter(item))
        }
        var groups: [(key: Value, values: [Value])] = []
        for item in try sortedByKey(elements(value), isReversed: false, { [try key($0)] }) {
            let key = try key(item)
            if let last = groups.last, try same(last.key, key) {
                groups[groups.count - 1].values.append(item)
            } else {
                groups.append((key, [item]))
            }
        }
        return .list(
            of: try groups.map { group in
                .tuple([isCaseSensitive ? group.key : try getter(group.values[0]), .list(of: group.values)])
            })
    }

    private func batches(_ value: Value, _ arguments: [Value?]) throws -> [Value] {
        guard let size = arguments[0]?.wholeNumber else { throw Problem("'batch' needs the length of a batch") }
        var batches: [[Value]] = []
        for item in try elements(value) {
            if batches.isEmpty || batches[batches.count - 1].count == size { batches.append([]) }
            batches[batches.count - 1].append(item)
        }
        // A length that is never reached makes one batch.
        if let fill = filling(arguments[1]), let last = batches.last, last.count < size {
            try makeElements(size)
            batches[batches.count - 1] += [Value](repeating: fill, count: size - last.count)
        }
        return batches.map(Value.list)
    }

    private func slices(_ value: Value, _ arguments: [Value?]) throws -> [Value] {
        guard let count = arguments[0]?.wholeNumber, count != 0 else {
            throw Problem("'slice' needs a number of slices")
        }
        let values = try elements(value)
        guard count > 0 else { return [] }
        try makeElements(count)
        var start = 0
        return (0..<count).map { number in
            let hasExtra = number < values.count % count
            let end = start + values.count / count + (hasExtra ? 1 : 0)
            defer { start = end }
            return .list(of: values[start..<end] + (hasExtra ? [] : filling(arguments[1]).map { [$0] } ?? []))
        }
    }

    private func filling(_ value: Value?) -> Value? {
        if case Value.none? = value { nil } else { value }
    }

    // MARK: Filters that call others

    func mapped(_ value: Value, _ given: GivenArguments) throws -> Value {
        // What is false (None too) has no items for these filters, whatever their arguments are.
        guard value.isTrue else { return .iterator(ValueIterator([])) }
        let function: (Value) throws -> Value
        if given.positional.isEmpty, given.named.contains(where: { $0.name == Text("attribute") }) {
            let arguments = try given.bound(to: ["attribute", "default"], of: "map")
            function = try memberGetter(arguments[0], standard: filling(arguments[1]))
        } else {
            guard case .string(let name)? = given.positional.first else { throw Problem("'map' needs a filter's name") }
            let rest = GivenArguments(positional: Array(given.positional.dropFirst()), named: given.named)
            function = { [unowned self] item in
                guard let filter = FilterName(named: name.string) else {
                    throw Problem("unknown filter '\(name.string)'")
                }
                try enter()
                defer { leave() }
                return try apply(filter, to: item, rest)
            }
        }
        let source = try iterate(value)
        return .iterator(
            ValueIterator(nesting: max(source.nesting, given.nesting)) { [unowned self] in
                try step()
                return try source.next().map(function)
            })
    }

    func selected(_ filter: FilterName, _ value: Value, _ given: GivenArguments) throws -> Value {
        guard value.isTrue else { return .iterator(ValueIterator([])) }
        let hasAttribute = filter == .selectattr || filter == .rejectattr
        let keeps = filter == .select || filter == .selectattr
        var rest = given
        var getter: (Value) throws -> Value = { $0 }
        if hasAttribute {
            guard let attribute = rest.positional.first else {
                throw Problem("'\(filter.rawValue)' needs an attribute")
            }
            getter = try memberGetter(attribute)
            rest.positional.removeFirst()
        }
        var test: TestName?
        if let name = rest.positional.first {
            guard case .string(let text) = name, let known = TestName(named: text.string) else {
                throw Problem("unknown test \(Value.shortRepresentation(name))")
            }
            test = known
            rest.positional.removeFirst()
        }
        let source = try iterate(value)
        return .iterator(
            ValueIterator(nesting: max(source.nesting, given.nesting)) { [unowned self] in
                while let item = try source.next() {
                    try step()
                    let part = try getter(item)
                    let holds = try test.map { try self.test($0, part, rest) } ?? part.isTrue
                    if holds == keeps { return item }
                }
                return nil
            })
    }
}
