/// Something about a row that was read otherwise than it may seem: not wrong, but never done without a word.
package enum RowRemark: Sendable, Hashable {
    case systemColumn(String)
    case otherSystemColumn(String)
    case weightZero
    case weightRounded
    case labelledBad
    case emptyAnswer
    case greeting
    case severalAnswers(taken: String)
    case severalLists(taken: String)
    case functionCall
    case lostMember(String)
    case lostRole(String)
    case answeredToCall
    case loneCall
    case lostThoughts

    /// For a person, the end of "3 rows, 'a' the first: ...".
    package var words: String {
        switch self {
        case .systemColumn(let column): "the column '\(column)' is their system message"
        case .otherSystemColumn(let column):
            "the column '\(column)' is not read, their messages begin with another system message"
        case .weightZero: "an answer with weight 0 (or train or loss false) is kept and not learned from"
        case .weightRounded: "weights other than 0 and 1 count as 1"
        case .labelledBad: "an answer whose label is false is not learned from"
        case .emptyAnswer: "an empty answer is kept and not learned from"
        case .greeting:
            "an answer before the first question (a greeting, or the rest of a dialogue that was cut) is left "
                + "out"
        case .severalAnswers(let taken): "of their answers \(taken) is read, the others are left"
        case .severalLists(let taken): "of their lists of messages '\(taken)' is read"
        case .functionCall: "a function call that is no JSON is read as text"
        case .lostMember(let member): "the template does not write their \(member)"
        case .lostRole(let role): "the template does not write their messages of the role '\(role)'"
        case .answeredToCall: "they call tools, which nobody runs: the target answers up to the first call"
        case .lostThoughts:
            "an answer without its thoughts, which the template leaves out there, is not learned from: the model never "
                + "says it so"
        case .loneCall: "an answer that is only tool_calls, which the template does not write, is not learned from"
        }
    }
}

/// Remarks of many rows, counted.
package struct RowRemarks: Sendable {
    private var counts: [RowRemark: Int] = [:]
    /// In the order in which they first came up, with the row.
    private var first: [(remark: RowRemark, id: String)] = []

    package init() {}

    package init(_ dialogues: some Sequence<Dialogue>) {
        for dialogue in dialogues { add(dialogue.remarks, of: dialogue.id) }
    }

    /// - Parameter remarks: of one row; each is counted once.
    package mutating func add(_ remarks: [RowRemark], of id: String) {
        for remark in Set(remarks) {
            counts[remark, default: 0] += 1
            if counts[remark] == 1 { first.append((remark, id)) }
        }
    }

    /// A line each.
    package var lines: [String] {
        first.map { remark, id in
            let count = counts[remark] ?? 0
            return count == 1 ? "1 row, '\(id)': \(remark.words)" : "\(count) rows, '\(id)' the first: \(remark.words)"
        }
    }
}
