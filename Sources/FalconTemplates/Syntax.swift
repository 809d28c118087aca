/// What a template says, as a tree. Names are numbers into the program's list of names.
indirect enum Expression: Sendable {
    case literal(Literal)
    case name(Int)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, Text)
    case item(Expression, Expression)
    case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
    case call(Expression, Arguments, line: Int)
    case filter(Expression, FilterName, Arguments, line: Int)
    case test(Expression, TestName, Arguments, line: Int)
    case negative(Expression)
    case positive(Expression)
    case not(Expression)
    case arithmetic(Expression, ArithmeticOperator, Expression)
    case comparison(Expression, [(ComparisonOperator, Expression)])
    case and(Expression, Expression)
    case or(Expression, Expression)
    case concatenation([Expression])
    case conditional(Expression, test: Expression, otherwise: Expression?)
    /// A filter or test that is not known, in a branch that may never be taken.
    case refused(String, line: Int)
    /// What a filter block gives its filter: text that was rendered before.
    case captured
}

enum Literal: Sendable {
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(Text)
}

enum ArithmeticOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
}

enum ComparisonOperator: Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, contained, notContained
}

struct Arguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: Text, value: Expression)] = []
    var list: Expression?
    var dictionary: Expression?

    var isEmpty: Bool { positional.isEmpty && named.isEmpty && list == nil && dictionary == nil }
}

/// What `set`, `for` and `with` assign to.
indirect enum Target: Sendable {
    case name(Int)
    case attribute(Int, Text)
    case tuple([Target])
}

struct Statement: Sendable {
    enum Kind: Sendable {
        case text(Text)
        case output(Expression)
        case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
        case loop(Loop)
        case set(Target, Expression)
        case setBlock(Target, filter: Expression?, body: [Statement])
        case macro(MacroDefinition)
        case call(Expression, Arguments, MacroDefinition)
        case filterBlock(Expression, body: [Statement])
        case with([(Target, Expression)], body: [Statement])
        case evaluate(Expression)
        case generation([Statement])
        case leaveLoop
        case nextRound
    }

    let line: Int
    let kind: Kind
}

final class Loop: Sendable {
    let target: Target
    let items: Expression
    let test: Expression?
    let body: [Statement]
    let otherwise: [Statement]
    let isRecursive: Bool

    init(
        target: Target, items: Expression, test: Expression?, body: [Statement], otherwise: [Statement],
        isRecursive: Bool
    ) {
        self.target = target
        self.items = items
        self.test = test
        self.body = body
        self.otherwise = otherwise
        self.isRecursive = isRecursive
    }
}

final class MacroDefinition: Sendable {
    struct Parameter: Sendable {
        let name: Int
        let text: Text
        let standard: Expression?
    }

    /// `nil` for the body of a call block.
    let name: String?
    let number: Int?
    let parameters: [Parameter]
    let body: [Statement]
    /// Whether the body reads `caller`, `kwargs` and `varargs`.
    let takesCaller: Bool
    let takesNamed: Bool
    let takesRest: Bool

    init(
        name: String?, number: Int?, parameters: [Parameter], body: [Statement], takesCaller: Bool, takesNamed: Bool,
        takesRest: Bool
    ) {
        self.name = name
        self.number = number
        self.parameters = parameters
        self.body = body
        self.takesCaller = takesCaller
        self.takesNamed = takesNamed
        self.takesRest = takesRest
    }
}
