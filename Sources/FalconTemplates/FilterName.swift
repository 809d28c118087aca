/// The filters of Jinja that templates may use; `e`, `d` and `count` are other names of three.
enum FilterName: String, Sendable, CaseIterable {
    case abs, attr, batch, capitalize, center, `default`, dictsort, escape, filesizeformat, first, float, forceescape
    case format, groupby, indent, int, items, join, last, length, list, lower, map, max, min, reject, rejectattr
    case replace, reverse, round, safe, select, selectattr, slice, sort, string, sum, title, tojson, trim, truncate
    case unique, upper, urlencode, wordcount

    /// Those that no chat template needs; refused by name.
    static let unsupported: Set<String> = ["pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"]

    init?(named name: String) {
        switch name {
        case "e": self = .escape
        case "d": self = .default
        case "count": self = .length
        default: self.init(rawValue: name)
        }
    }
}

/// The tests of Jinja (`x is defined`).
enum TestName: String, Sendable, CaseIterable {
    case odd, even, divisibleby, defined, undefined, filter, test, none, boolean, integer, float, lower, upper, string
    case mapping, number, sequence, iterable, callable, sameas, escaped
    case isTrue = "true"
    case isFalse = "false"
    case isIn = "in"
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case greaterOrEqual = ">="
    case less = "<"
    case lessOrEqual = "<="

    init?(named name: String) {
        switch name {
        case "eq", "equalto": self = .equal
        case "ne": self = .notEqual
        case "gt", "greaterthan": self = .greater
        case "ge": self = .greaterOrEqual
        case "lt", "lessthan": self = .less
        case "le": self = .lessOrEqual
        default: self.init(rawValue: name)
        }
    }
}
