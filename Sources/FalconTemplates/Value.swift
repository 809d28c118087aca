/// A value while a template runs, as Python has it. Nothing but data: there is no way from a value to anything else.
enum Value {
    case undefined(Undefined)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(Text)
    case list(ValueList)
    case tuple(ValueList)
    case dictionary(ValueDictionary)
    case range(PythonRange)
    case view(DictionaryView)
    /// What `map`, `select` and others give: it can be gone through once.
    case iterator(ValueIterator)
    case namespace(Namespace)
    case macro(Macro)
    case function(FunctionName)
    case method(Method)
    case loop(LoopState)
    case cycler(Cycler)
    case joiner(Joiner)

    /// Python's name of its type, for errors.
    var kind: String {
        switch self {
        case .undefined(let undefined): undefined.words
        case .none: "None"
        case .boolean: "a truth value"
        case .integer: "an integer"
        case .float: "a float"
        case .string: "a string"
        case .list: "a list"
        case .tuple: "a tuple"
        case .dictionary: "a dictionary"
        case .range: "a range"
        case .view: "the items of a dictionary"
        case .iterator: "a generator"
        case .namespace: "a namespace"
        case .macro: "a macro"
        case .function, .method: "a function"
        case .loop: "the loop"
        case .cycler: "a cycler"
        case .joiner: "a joiner"
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    var text: Text? {
        if case .string(let text) = self { text } else { nil }
    }

    static func text(_ string: String) -> Value { .string(Text(string)) }

    /// Python's truth.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let values), .tuple(let values): !values.isEmpty
        case .dictionary(let dictionary): dictionary.count > 0
        case .range(let range): range.count > 0
        case .view(let view): view.dictionary.count > 0
        case .iterator, .namespace, .macro, .function, .method, .loop, .cycler, .joiner: true
        }
    }
}

/// A name or member that is not there. It prints nothing and is false; most else is an error that says which.
final class Undefined {
    let words: String
    /// A place that the sandbox closes: it says so where it is used.
    let isForbidden: Bool

    init(_ words: String, isForbidden: Bool = false) {
        self.words = words
        self.isForbidden = isForbidden
    }
}

struct PythonRange {
    let start: Int
    let step: Int
    /// The bound as it was given, which is not in.
    let stop: Int
    let count: Int

    // A step beyond 64 bits is never taken.
    subscript(_ index: Int) -> Int { start &+ index &* step }
}

struct DictionaryView {
    enum Kind: String { case keys, values, items }

    let dictionary: ValueDictionary
    let kind: Kind

    subscript(_ index: Int) -> Value {
        let (key, value) = dictionary.members[index]
        return switch kind {
        case .keys: key
        case .values: value
        case .items: .tuple([key, value])
        }
    }
}

/// Goes through values, each once.
final class ValueIterator {
    private var pull: () throws -> Value?
    /// One more than what it goes through.
    let nesting: Int

    init(nesting: Int, _ pull: @escaping () throws -> Value?) { (self.nesting, self.pull) = (nesting + 1, pull) }

    convenience init(_ values: [Value]) { self.init(list: ValueList(values)) }

    convenience init(list values: ValueList) {
        var place = 0
        self.init(nesting: values.nesting) {
            guard place < values.count else { return nil }
            place += 1
            return values[place - 1]
        }
    }

    func next() throws -> Value? { try pull() }
}

/// What `namespace()` gives, the one thing that a template can change.
final class Namespace {
    var attributes = ValueDictionary()
}

final class Macro {
    let definition: MacroDefinition
    let scope: Scope

    init(_ definition: MacroDefinition, scope: Scope) { (self.definition, self.scope) = (definition, scope) }
}

/// A method with its receiver.
final class Method {
    let receiver: Value
    let name: String

    init(_ receiver: Value, _ name: String) { (self.receiver, self.name) = (receiver, name) }
}

final class Cycler {
    let values: [Value]
    let nesting: Int
    var place = 0

    init(_ values: [Value]) { (self.values, nesting) = (values, values.nesting + 1) }
}

final class Joiner {
    let separator: Text
    var isUsed = false

    init(_ separator: Text) { self.separator = separator }
}

/// The functions that every template knows.
enum FunctionName: String, CaseIterable {
    case range, dict, namespace, cycler, joiner, raiseException = "raise_exception", strftimeNow = "strftime_now"
    case lipsum
    case fromkeys = "dict.fromkeys"
}

/// Names set in one round of a loop, a macro's call or another body, and the bodies around it.
final class Scope {
    private var names: [Int] = []
    private var values: [Value] = []
    let parent: Scope?

    init(_ parent: Scope?) { self.parent = parent }

    func set(_ name: Int, _ value: Value) {
        if let place = names.firstIndex(of: name) {
            values[place] = value
        } else {
            names.append(name)
            values.append(value)
        }
    }

    func value(_ name: Int) -> Value? {
        var scope: Scope? = self
        while let here = scope {
            if let place = here.names.firstIndex(of: name) { return here.values[place] }
            scope = here.parent
        }
        return nil
    }

    /// Also breaks the ring of a macro and the scope that it was made in.
    func clear() {
        names.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}
