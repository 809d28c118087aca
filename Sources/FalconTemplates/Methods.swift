extension Method {
    private static let ofStrings: Set<String> = [
        "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "format_map", "index",
        "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable",
        "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix",
        "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines",
        "startswith", "strip", "swapcase", "title", "upper", "zfill", "encode", "translate", "maketrans",
    ]
    private static let ofDictionaries: Set<String> = ["copy", "fromkeys", "get", "items", "keys", "values"]
    private static let changingDictionaries: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
    private static let changingLists: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    ]

    /// The method of that name; `nil` where Python has none or the sandbox gives none.
    static func named(_ name: String, of value: Value) -> Value? {
        if case .cycler(let cycler) = value, name == "current" { return cycler.values[cycler.place] }
        let isThere =
            switch value {
            case .string: ofStrings.contains(name)
            case .dictionary: ofDictionaries.contains(name) || changingDictionaries.contains(name)
            case .list: name == "index" || name == "count" || name == "copy"
            case .tuple, .range: name == "index" || name == "count"
            case .integer, .boolean: name == "bit_length"
            case .float: name == "is_integer"
            case .cycler: name == "next" || name == "reset"
            case .function(.dict): name == "fromkeys"
            default: false
            }
        guard isThere else { return nil }
        if case .function(.dict) = value { return .function(.fromkeys) }
        if case .dictionary = value, changingDictionaries.contains(name) {
            return .undefined(Undefined("'\(name)' of a dictionary", isForbidden: true))
        }
        return .method(Method(value, name))
    }

    /// Whether Python has such a member, which the sandbox does not give.
    static func isForbidden(_ name: String, of value: Value) -> Bool {
        if case .list = value, changingLists.contains(name) { return true }
        return name.hasPrefix("__")
    }
}

extension Renderer {
    func call(_ method: Method, _ given: GivenArguments) throws -> Value {
        switch method.receiver {
        case .string(let text): return try call(method.name, of: text, given)
        case .dictionary(let dictionary): return try call(method.name, of: dictionary, given)
        case .list(let values), .tuple(let values):
            if method.name == "copy" { return method.receiver }
            let item = try given.bound(to: ["value"], of: method.name, required: 1)[0] ?? .none
            try step(values.count)
            if method.name == "count" { return .integer(try values.count { try same($0, item) }) }
            guard let place = try values.firstIndex(where: { try same($0, item) }) else {
                throw Problem("'index': the value is not in the list")
            }
            return .integer(place)
        case .range(let range):
            let item = try given.bound(to: ["value"], of: method.name, required: 1)[0] ?? .none
            let place = try (0..<range.count).first { try same(.integer(range[$0]), item) }
            if method.name == "count" { return .integer(place == nil ? 0 : 1) }
            guard let place else { throw Problem("'index': the value is not in the range") }
            return .integer(place)
        case .cycler(let cycler):
            _ = try given.bound(to: [], of: method.name)
            guard method.name == "next" else {
                cycler.place = 0
                return .none
            }
            let value = cycler.values[cycler.place]
            cycler.place = (cycler.place + 1) % cycler.values.count
            return value
        case .loop(let state):
            guard given.named.isEmpty else { throw Problem("'loop.\(method.name)' takes no named arguments") }
            if method.name == "changed" { return .boolean(try state.changed(given.positional, self)) }
            guard !given.positional.isEmpty else { throw Problem("'loop.cycle' needs values") }
            return given.positional[(state.index - 1) % given.positional.count]
        case .integer(let value): return .integer(Int.bitWidth - value.magnitude.leadingZeroBitCount)
        case .boolean(let value): return .integer(value ? 1 : 0)
        case .float(let value): return .boolean(value.isFinite && value == value.rounded())
        default: throw Problem("'\(method.name)' cannot be called")
        }
    }

    private func call(_ name: String, of dictionary: ValueDictionary, _ given: GivenArguments) throws -> Value {
        switch name {
        case "get":
            guard given.named.isEmpty else { throw Problem("'get' takes no named arguments") }
            let values = try given.bound(to: ["key", "default"], of: "get", required: 1)
            if values[0]?.isUndefined == true { return values[1] ?? .none }
            guard let key = values[0].flatMap(DictionaryKey.init) else {
                throw Problem("\(values[0]?.kind ?? "it") cannot be a key of a dictionary")
            }
            return dictionary[key] ?? values[1] ?? .none
        case "fromkeys":
            return try call(.function(.fromkeys), given)
        default:
            _ = try given.bound(to: [], of: name)
            if name == "copy" { return .dictionary(dictionary.copy()) }
            return DictionaryView.Kind(rawValue: name).map { .view(DictionaryView(dictionary: dictionary, kind: $0)) }
                ?? .none
        }
    }
}
