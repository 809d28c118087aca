import FalconTensor

/// The distillation loss over the frozen head's vocabulary.
extension Tape {
    /// `softWeight * soft + (1 - softWeight) * hard` over `denominator`; see `Distillation`.
    ///
    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count (see `rows(of:at:)`).
    ///   - target: the true features, of the same shape; get no gradient.
    ///   - head: frozen; its own precision holds.
    ///   - draft, teacher: see `Distillation.evaluate`.
    /// - Returns: the loss `[]`, and the evaluation it came from: its parts, tokens and ranks.
    package mutating func distillation(
        _ predicted: Variable, target: Tensor, head: VocabularyHead, draft: SubsetHead? = nil,
        teacher: (logits: TeacherLogits, rows: [Int])? = nil, options: Distillation.Options, denominator: Float
    ) -> (loss: Variable, result: Distillation.Result) {
        let result = Distillation.evaluate(
            predicted: predicted.value, target: target, head: head, draft: draft, teacher: teacher, options: options,
            denominator: denominator, needsGradient: predicted.needsGradient, on: pool)
        return (record(result, of: predicted), result)
    }

    /// The same where the target is known by its statistics, a row for each of the predicted ones.
    ///
    /// - Parameter subset: the draft vocabulary that the rows of `head` are, where there is one.
    package mutating func distillation(
        _ predicted: Variable, statistics: TeacherStatistics, head: VocabularyHead, subset: VocabularySubset? = nil,
        options: Distillation.Options, denominator: Float
    ) -> (loss: Variable, result: Distillation.Result) {
        let result = Distillation.evaluate(
            predicted: predicted.value, statistics: statistics, head: head, subset: subset, options: options,
            denominator: denominator, needsGradient: predicted.needsGradient, on: pool)
        return (record(result, of: predicted), result)
    }

    private mutating func record(_ result: Distillation.Result, of predicted: Variable) -> Variable {
        record(Tensor([result.loss], []), KnownGradientOperation(gradients: [result.gradient]), inputs: [predicted])
    }
}
