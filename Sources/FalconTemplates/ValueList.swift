/// The elements of a list or tuple, which never change, and how deep lists and others lie in one another in it.
struct ValueList: RandomAccessCollection, ExpressibleByArrayLiteral {
    let values: [Value]
    let nesting: Int

    init(_ values: [Value]) {
        self.values = values
        nesting = values.nesting + 1
    }

    init(arrayLiteral values: Value...) { self.init(values) }

    var startIndex: Int { 0 }

    var endIndex: Int { values.count }

    subscript(_ place: Int) -> Value { values[place] }

    private init(_ values: [Value], nesting: Int) { (self.values, self.nesting) = (values, nesting) }

    static func + (left: ValueList, right: ValueList) -> ValueList {
        ValueList(left.values + right.values, nesting: Swift.max(left.nesting, right.nesting))
    }
}

extension Sequence where Element == Value {
    var nesting: Int { reduce(0) { Swift.max($0, $1.nesting) } }
}

extension Value {
    static func list(of values: [Value]) -> Value { .list(ValueList(values)) }

    static func tuple(of values: [Value]) -> Value { .tuple(ValueList(values)) }

    /// How many values lie in one another. Bounded where a value is kept: going through deeper ones, or only giving
    /// up their memory, would exhaust the stack.
    var nesting: Int {
        switch self {
        case .list(let list), .tuple(let list): list.nesting
        case .dictionary(let dictionary): dictionary.nesting
        case .view(let view): view.dictionary.nesting
        case .iterator(let iterator): iterator.nesting
        case .method(let method): method.receiver.nesting + 1
        case .loop(let state): state.nesting
        case .cycler(let cycler): cycler.nesting
        default: 0
        }
    }
}
