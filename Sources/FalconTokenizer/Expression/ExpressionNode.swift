/// A regular expression as a tree.
indirect enum ExpressionNode: Sendable {
    enum Repetition: Sendable { case greedy, lazy, possessive }

    /// Where something holds without any character being taken.
    enum Place: Sendable, Equatable { case lineStart, lineEnd, textStart, textEnd, wordEdge, insideWordOrNot }

    case set(ScalarSet)
    case sequence([ExpressionNode])
    /// The first one that leads to a match.
    case choice([ExpressionNode])
    /// From `least` to `most` times, `nil` for any number.
    case repeated(ExpressionNode, least: Int, most: Int?, Repetition)
    case ahead(ExpressionNode, isNegative: Bool)
    case behind(ScalarSet, isNegative: Bool)
    case place(Place)

    var canBeEmpty: Bool {
        switch self {
        case .set: false
        case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
        case .choice(let parts): parts.contains(where: \.canBeEmpty)
        case .repeated(let part, let least, _, _): least == 0 || part.canBeEmpty
        case .ahead, .behind, .place: true
        }
    }
}
