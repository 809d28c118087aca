import Foundation
internal import CFalconKernels

/// The distillation loss against a target of which only `TeacherStatistics` are known.
///
/// The vocabulary falls into N + 1 parts: each token that the statistics name, and all others together. The soft loss
/// is the Kullback-Leibler divergence over these parts, with p_r and q_r for what remains:
///
///     soft = sum over named j of p_j log(p_j / q_j) + p_r log(p_r / q_r)
///     d soft / d z_i = q_i - p_i                    where i is named
///                      q_i (1 - p_r / q_r)          where it is not
///
/// It is never larger than the divergence over all tokens, and equal to it where the statistics name all.
extension Distillation {
    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count.
    ///   - statistics: one row for each of these.
    ///   - options: with `.divergence`; a label is drawn from what is known, so `.sample` is not possible.
    ///   - denominator, needsGradient: as for exact targets.
    package static func evaluate(
        predicted: Tensor, statistics: TeacherStatistics, head: VocabularyHead, options: Options = Options(),
        denominator: Float, needsGradient: Bool = true, on pool: ThreadPool
    ) -> Result {
        let (rows, hidden, vocabulary) = (predicted.rowCount, predicted.width, head.vocabulary)
        precondition(
            statistics.rowCount == rows && hidden == head.hidden,
            "predicted features \(predicted.shape), statistics of \(statistics.rowCount) rows, a head of width "
                + "\(head.hidden)")
        precondition(rows == 0 || denominator > 0, "\(rows) rows over a denominator of \(denominator)")
        precondition(options.softLoss == .divergence, "statistics know no other temperature than 1")
        let given: [Int32]?
        switch options.hardLabel {
        case .argmax: given = nil
        case .tokens(let tokens): given = tokens
        case .sample: preconditionFailure("statistics know too little to draw a label")
        }
        let chunks = VocabularyChunks(rows: rows, vocabulary: vocabulary, logitSets: 1)
        var gradient = needsGradient ? Tensor(uninitialized: predicted.shape) : nil
        let gradients = unsafe gradient?.mutablePointer()
        var outcomes = [Row](repeating: Row(), count: rows)
        let logits = TensorStorage(uninitialized: chunks.capacity * vocabulary)
        let shares = TensorStorage(uninitialized: needsGradient ? head.shareCount(rows: chunks.capacity) : 0)
        let p = unsafe predicted.pointer
        for index in 0..<chunks.count {
            let chunk = chunks[index]
            let start = chunk.lowerBound * hidden
            unsafe head.logits(p + start, count: chunk.count, into: logits.base, on: pool)
            unsafe outcomes.withUnsafeMutableBufferPointer { outcomes in
                let results = unsafe outcomes.baseAddress! + chunk.lowerBound
                pool.run(chunk.count) { row in
                    let number = chunk.lowerBound + row
                    unsafe results[row] = compare(
                        draft: logits.base + row * vocabulary, vocabulary: vocabulary, statistics, row: number,
                        label: given?[number], options: options, denominator: denominator,
                        isUsable: falcon_all_finite(p + start + row * hidden, hidden) != 0)
                }
            }
            if let gradients = unsafe gradients {
                unsafe head.featureGradient(
                    logits.base, count: chunk.count, shares: shares.base, into: gradients + start, on: pool)
            }
        }
        return result(outcomes, gradient, options, denominator)
    }

    /// Compares one row's logits and leaves the loss's derivative in their place.
    private static func compare(
        draft: UnsafeMutablePointer<Float>, vocabulary: Int, _ statistics: TeacherStatistics, row number: Int,
        label: Int32?, options: Options, denominator: Float, isUsable: Bool
    ) -> Row {
        let loops = unsafe TrainingLoops.best
        var row = Row()
        row.targetToken = statistics.choice(number)
        let hardToken = Int(label ?? row.targetToken)
        let entries = statistics.entries(number)
        precondition(
            (0..<vocabulary).contains(hardToken)
                && statistics.tokens[entries].allSatisfy { (0..<vocabulary).contains(Int($0)) },
            "label \(hardToken) or statistics \(statistics.tokens[entries]) in a vocabulary of \(vocabulary)")
        let maximum = unsafe loops.maximum(draft, vocabulary, &row.draftToken)
        let sum = unsafe loops.sum_of_exponentials(draft, vocabulary, maximum, 1)
        guard isUsable, sum.isFinite else {
            unsafe draft.update(repeating: 0, count: vocabulary)
            return Row()
        }
        let logSum = log(sum)
        row.hard = unsafe logSum - (draft[hardToken] - maximum)
        row.rank = unsafe Int32(loops.rank(draft, vocabulary, Int(row.targetToken)))
        let (soft, hard) = (options.softWeight / denominator, (1 - options.softWeight) / denominator)

        var (known, drafted, divergence) = (0.0, 0.0, 0.0)
        let slopes = entries.map { entry in
            let logP = Double(statistics.logProbabilities[entry])
            let logQ = unsafe Double(draft[Int(statistics.tokens[entry])] - maximum - logSum)
            let (p, q) = (exp(logP), exp(logQ))
            known += p
            drafted += q
            divergence += p * (logP - logQ)
            return (soft + hard) * Float(q) - soft * Float(p)
        }
        // Where all tokens are named, nothing but rounding remains.
        let rest = entries.count < vocabulary ? max(0, 1 - known) : 0
        let draftedRest = max(1 - drafted, 1e-7)
        if rest > 0 { divergence += rest * log(rest / draftedRest) }
        row.soft = Float(divergence)

        unsafe loops.scaled_softmax(
            draft, vocabulary, maximum, logSum, soft * Float(1 - rest / draftedRest) + hard)
        for (entry, slope) in zip(entries, slopes) { unsafe draft[Int(statistics.tokens[entry])] = slope }
        unsafe draft[hardToken] -= hard
        return row
    }
}
