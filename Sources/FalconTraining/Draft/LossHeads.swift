import FalconTensor

/// The LM head as a training step multiplies by it.
struct LossHeads {
    /// The target's: for its own distributions, and for the draft head's where it ranks all tokens. Where stored
    /// statistics say what the target does, and the draft head ranks some tokens, it is theirs alone.
    let target: VocabularyHead
    /// The rows that are the draft vocabulary, where there is one.
    let draft: SubsetHead?

    /// What the draft head ranks with.
    var ranking: VocabularyHead { draft?.head ?? target }

    /// - Parameters:
    ///   - weight: the target's, `[vocabulary, hidden]`.
    ///   - needsTarget: whether anything but the draft vocabulary is multiplied by.
    ///   - needsGradient: whether features get gradients through it.
    init(
        _ weight: StoredMatrix, vocabulary: VocabularySubset?, needsTarget: Bool = true,
        precision: ProductPrecision, needsGradient: Bool = true, on pool: ThreadPool
    ) {
        guard let vocabulary else {
            target = VocabularyHead(weight, precision: precision, needsGradient: needsGradient, on: pool)
            draft = nil
            return
        }
        let rows = VocabularyHead(
            weight.rows(vocabulary.tokens), precision: precision, needsGradient: needsGradient, on: pool)
        draft = SubsetHead(rows, vocabulary)
        target = needsTarget ? VocabularyHead(weight, precision: precision, needsGradient: false, on: pool) : rows
    }
}
