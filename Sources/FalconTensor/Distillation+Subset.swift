internal import CFalconKernels

/// The rows of a language-model head that are a draft vocabulary, as a training step multiplies by them.
package struct SubsetHead: Sendable {
    package let head: VocabularyHead
    package let subset: VocabularySubset

    /// - Parameters:
    ///   - head: of the subset's tokens, in its order; traps where it has another number of rows.
    package init(_ head: VocabularyHead, _ subset: VocabularySubset) {
        precondition(head.vocabulary == subset.count, "\(head.vocabulary) rows for \(subset.count) tokens")
        (self.head, self.subset) = (head, subset)
    }
}

/// The distillation loss of a draft head that ranks a draft vocabulary D alone.
///
/// p is the target's distribution over all tokens, q the draft head's over D:
///
///     soft = sum over D of p log(p / q) - p(D) log p(D)      hard = -log q(label), 0 where the label is outside
///     d soft / d z_i = p(D) q_i - p_i
///
/// That is p(D) times the divergence from p / p(D): p itself is what decides about acceptance, and a row whose
/// tokens are mostly outside must not teach as loudly as others. What `Overlap` makes of the common share
/// sum over D of min(p, q) is not weighed: a row's acceptance counts alike in every text.
extension Distillation {
    static func evaluate(
        predicted: Tensor, target: Tensor, head: VocabularyHead, within draft: SubsetHead,
        teacher: (logits: TeacherLogits, rows: [Int])?, options: Options, denominator: Float, needsGradient: Bool,
        on pool: ThreadPool
    ) -> Result {
        let (rows, hidden, vocabulary) = (predicted.rowCount, predicted.width, head.vocabulary)
        let (subset, width) = (draft.subset, draft.subset.count)
        precondition(
            predicted.shape == target.shape && hidden == head.hidden && hidden == draft.head.hidden,
            "predicted features \(predicted.shape), true features \(target.shape), a head of width \(head.hidden)")
        precondition(subset.vocabulary == vocabulary, "a subset of \(subset.vocabulary) tokens of \(vocabulary)")
        precondition(
            teacher.map { $0.rows.count == rows } ?? true, "\(teacher?.rows.count ?? 0) known rows for \(rows) rows")
        precondition(rows == 0 || denominator > 0, "\(rows) rows over a denominator of \(denominator)")
        var labels = HardLabels(options.hardLabel, rows: rows)
        let isKnown = teacher.map { $0.rows.allSatisfy { [kept = $0.logits.keptRows] in $0 < kept } } ?? false
        let chunks = VocabularyChunks(rows: rows, vocabulary: isKnown ? width : vocabulary, logitSets: 2)
        var gradient = needsGradient ? Tensor(uninitialized: predicted.shape) : nil
        let gradients = unsafe gradient?.mutablePointer()
        var outcomes = [Row](repeating: Row(), count: rows)

        let logits = TensorStorage(uninitialized: chunks.capacity * width)
        // What the target says of the draft vocabulary, and of all tokens where that is not known yet.
        let narrowed = TensorStorage(uninitialized: chunks.capacity * width)
        let unknown = TensorStorage(uninitialized: isKnown ? 0 : chunks.capacity * hidden)
        let whole = TensorStorage(uninitialized: isKnown ? 0 : chunks.capacity * vocabulary)
        let shares = TensorStorage(uninitialized: needsGradient ? draft.head.shareCount(rows: chunks.capacity) : 0)
        let (p, t) = unsafe (predicted.pointer, target.pointer)
        for index in 0..<chunks.count {
            let chunk = chunks[index]
            let (count, start) = (chunk.count, chunk.lowerBound * hidden)
            var used = 0
            let targets = unsafe chunk.map { row -> UnsafePointer<Float> in
                if let teacher, teacher.rows[row] < teacher.logits.keptRows {
                    return unsafe UnsafePointer(teacher.logits.kept.base + teacher.rows[row] * vocabulary)
                }
                unsafe (unknown.base + used * hidden).update(from: t + row * hidden, count: hidden)
                defer { used += 1 }
                return unsafe UnsafePointer(whole.base + used * vocabulary)
            }
            if used > 0 { unsafe head.logits(unknown.base, count: used, into: whole.base, on: pool) }
            unsafe draft.head.logits(p + start, count: count, into: logits.base, on: pool)
            let draws = labels.next(count)
            unsafe outcomes.withUnsafeMutableBufferPointer { outcomes in
                let results = unsafe outcomes.baseAddress! + chunk.lowerBound
                pool.run(count) { row in
                    let teacher = unsafe TeacherRow(
                        targets[row], within: subset, narrowed: narrowed.base + row * width, label: draws[row],
                        options)
                    unsafe results[row] = compare(
                        draft: logits.base + row * width, with: teacher, width: width, options: options,
                        denominator: denominator,
                        isUsable: falcon_all_finite(p + start + row * hidden, hidden) != 0
                            && falcon_all_finite(t + start + row * hidden, hidden) != 0)
                }
            }
            if let gradients = unsafe gradients {
                unsafe draft.head.featureGradient(
                    logits.base, count: count, shares: shares.base, into: gradients + start, on: pool)
            }
        }
        return result(outcomes.map { $0.widened(by: subset) }, gradient, options, denominator)
    }
}

extension Distillation.Row {
    /// The same with the draft head's token by its id.
    func widened(by subset: VocabularySubset) -> Distillation.Row {
        var row = self
        if draftToken >= 0 { row.draftToken = subset.tokens[Int(draftToken)] }
        return row
    }
}

extension Distillation.TeacherRow {
    /// A row of which only the draft vocabulary's tokens are ranked.
    ///
    /// - Parameters:
    ///   - logits: of all tokens.
    ///   - narrowed: room for those of the subset.
    init(
        _ logits: UnsafePointer<Float>, within subset: VocabularySubset, narrowed: UnsafeMutablePointer<Float>,
        label: Distillation.HardLabels.Row, _ options: Distillation.Options
    ) {
        let all = unsafe Distillation.TeacherRow(logits, subset.vocabulary, label: label, options)
        for (column, token) in subset.tokens.enumerated() { unsafe narrowed[column] = logits[Int(token)] }
        let kept = unsafe TrainingLoops.best.sum_of_exponentials(narrowed, subset.count, all.maximum, 1)
        unsafe self.init(
            logits: narrowed, token: all.token, column: subset.number(of: all.token),
            hardColumn: all.hardColumn.flatMap { subset.number(of: Int32($0)) }, maximum: all.maximum, sum: all.sum,
            softSum: all.softSum, mass: subset.isWhole ? 1 : min(1, kept / all.sum))
    }
}
