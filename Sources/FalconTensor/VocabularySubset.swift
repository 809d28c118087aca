/// Some tokens of a vocabulary, numbered among themselves: the draft vocabulary, of which a draft head ranks nothing
/// else.
package struct VocabularySubset: Sendable, Equatable {
    /// How many tokens there are to choose from.
    package let vocabulary: Int
    /// The token behind each number, none twice. Where two are equally likely, the lower number comes first.
    package let tokens: [Int32]
    /// The number of each token of the vocabulary; -1 for those that are not in it.
    private let numbers: [Int32]

    /// - Parameters:
    ///   - tokens: at least one, none twice, all within `0..<vocabulary`; traps otherwise.
    ///   - vocabulary: how many there are to choose from.
    package init(_ tokens: [Int32], of vocabulary: Int) {
        precondition(!tokens.isEmpty, "a draft vocabulary without tokens")
        var numbers = [Int32](repeating: -1, count: vocabulary)
        for (number, token) in tokens.enumerated() {
            precondition(numbers[Int(token)] < 0, "token \(token) is twice in a draft vocabulary")
            numbers[Int(token)] = Int32(number)
        }
        (self.vocabulary, self.tokens, self.numbers) = (vocabulary, tokens, numbers)
    }

    package var count: Int { tokens.count }

    /// Whether it leaves nothing out.
    package var isWhole: Bool { count == vocabulary }

    /// The number of a token; `nil` where it is not in it.
    package func number(of token: Int32) -> Int? {
        let number = numbers[Int(token)]
        return number < 0 ? nil : Int(number)
    }

    package func contains(_ token: Int32) -> Bool { numbers[Int(token)] >= 0 }
}

extension VocabularySubset? {
    /// The token behind a column of logits; without a subset, columns are tokens.
    package func token(_ column: Int32) -> Int32 { self.map { $0.tokens[Int(column)] } ?? column }

    /// The column of a token; `nil` where it has none.
    package func column(of token: Int32) -> Int? {
        guard let self else { return Int(token) }
        return self.number(of: token)
    }
}
