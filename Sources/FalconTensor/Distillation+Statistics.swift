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
/// `SoftLoss.overlap` likewise takes what remains as one part: min(p_r, q_r) is never less than the sum of its tokens'
/// minima, so acceptance looks a little better than it is.
///
/// With a draft vocabulary D, named tokens outside of it are dropped, and m = p(D) is 1 less their probabilities: what
/// no statistics name counts as inside. The loss is m times the divergence from p / m, its slope m q_i - p_i, or
/// q_i (m - p_r / q_r).
extension Distillation {
    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count.
    ///   - statistics: one row for each of these.
    ///   - subset: the draft vocabulary that the rows of `head` are, where there is one.
    ///   - options: without `.authorsCode`; a label would be drawn from what is known, so `.sample` is not possible.
    ///   - denominator, needsGradient: as for exact targets.
    package static func evaluate(
        predicted: Tensor, statistics: TeacherStatistics, head: VocabularyHead, subset: VocabularySubset? = nil,
        options: Options = Options(), denominator: Float, needsGradient: Bool = true, on pool: ThreadPool
    ) -> Result {
        let (rows, hidden, width) = (predicted.rowCount, predicted.width, head.vocabulary)
        precondition(
            statistics.rowCount == rows && hidden == head.hidden,
            "predicted features \(predicted.shape), statistics of \(statistics.rowCount) rows, a head of width "
                + "\(head.hidden)")
        precondition(subset?.count ?? width == width, "\(width) rows of a head for \(subset?.count ?? 0) tokens")
        precondition(rows == 0 || denominator > 0, "\(rows) rows over a denominator of \(denominator)")
        if case .authorsCode = options.softLoss { preconditionFailure("statistics know no other temperature than 1") }
        let given: [Int32]?
        switch options.hardLabel {
        case .argmax: given = nil
        case .tokens(let tokens): given = tokens
        case .sample: preconditionFailure("statistics know too little to draw a label")
        }
        let chunks = VocabularyChunks(rows: rows, vocabulary: width, logitSets: 1)
        var gradient = needsGradient ? Tensor(uninitialized: predicted.shape) : nil
        let gradients = unsafe gradient?.mutablePointer()
        var outcomes = [Row](repeating: Row(), count: rows)
        let logits = TensorStorage(uninitialized: chunks.capacity * width)
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
                        draft: logits.base + row * width, width: width, statistics, row: number,
                        label: given?[number], subset: subset, options: options, denominator: denominator,
                        isUsable: falcon_all_finite(p + start + row * hidden, hidden) != 0)
                }
            }
            if let gradients = unsafe gradients {
                unsafe head.featureGradient(
                    logits.base, count: chunk.count, shares: shares.base, into: gradients + start, on: pool)
            }
        }
        let rowsByToken = subset.map { subset in outcomes.map { $0.widened(by: subset) } } ?? outcomes
        return result(rowsByToken, gradient, options, denominator)
    }

    /// Compares one row's logits and leaves the loss's derivative in their place.
    private static func compare(
        draft: UnsafeMutablePointer<Float>, width: Int, _ statistics: TeacherStatistics, row number: Int,
        label: Int32?, subset: VocabularySubset?, options: Options, denominator: Float, isUsable: Bool
    ) -> Row {
        let loops = unsafe TrainingLoops.best
        var row = Row()
        row.targetToken = statistics.choice(number)
        let entries = statistics.entries(number)
        let (vocabulary, hardToken) = (subset?.vocabulary ?? width, label ?? row.targetToken)
        precondition(
            (0..<vocabulary).contains(Int(hardToken))
                && statistics.tokens[entries].allSatisfy { (0..<vocabulary).contains(Int($0)) },
            "label \(hardToken) or statistics \(statistics.tokens[entries]) in a vocabulary of \(vocabulary)")
        let hardColumn = subset.column(of: hardToken)
        let maximum = unsafe loops.maximum(draft, width, &row.draftToken)
        let sum = unsafe loops.sum_of_exponentials(draft, width, maximum, 1)
        guard isUsable, sum.isFinite else {
            unsafe draft.update(repeating: 0, count: width)
            return Row()
        }
        let logSum = log(sum)
        if let hardColumn { row.hard = unsafe logSum - (draft[hardColumn] - maximum) }
        row.rank = subset.column(of: row.targetToken).map { unsafe Int32(loops.rank(draft, width, $0)) } ?? outside
        let soft = options.softWeight / denominator
        let hard = hardColumn == nil ? 0 : (1 - options.softWeight) / denominator

        var (known, missing, drafted, divergence) = (0.0, 0.0, 0.0, 0.0)
        var slopes: [(column: Int, p: Double, q: Double)] = []
        for entry in entries {
            let logP = Double(statistics.logProbabilities[entry])
            guard let column = subset.column(of: statistics.tokens[entry]) else {
                missing += exp(logP)
                continue
            }
            let logQ = unsafe Double(draft[column] - maximum - logSum)
            let (p, q) = (exp(logP), exp(logQ))
            known += p
            drafted += q
            divergence += p * (logP - logQ)
            slopes.append((column, p, q))
        }
        // Where all tokens are named, nothing but rounding remains.
        let rest = slopes.count < width ? max(0, 1 - known - missing) : 0
        let draftedRest = max(1 - drafted, 1e-7)
        if rest > 0 { divergence += rest * log(rest / draftedRest) }
        let mass = missing > 0 ? known + rest : 1
        if mass > 0, mass < 1 { divergence -= mass * log(mass) }

        // A slope is weight * (mass q - p), and overlap * q * (smaller - 1 where q < p): of the divergence and of -a.
        var (weight, overlap, smaller, restIsSmaller) = (soft, Float(0), Float(0), false)
        if case .overlap(let measure, let divergenceShare) = options.softLoss {
            var common = 0.0
            for (_, p, q) in slopes {
                common += min(p, q)
                if q < p { smaller += Float(q) }
            }
            if rest > 0 {
                common += min(rest, draftedRest)
                restIsSmaller = draftedRest < rest
                if restIsSmaller { smaller += Float(draftedRest) }
            }
            let (loss, slope) = measure.evaluate(common, of: mass)
            weight = soft * divergenceShare
            overlap = (soft - weight) * Float(slope)
            row.soft = divergenceShare * Float(divergence) + (1 - divergenceShare) * Float(loss)
        } else {
            row.soft = Float(divergence)
        }
        unsafe loops.scaled_softmax(
            draft, width, maximum, logSum,
            weight * Float(mass - rest / draftedRest) + overlap * (smaller - (restIsSmaller ? 1 : 0)) + hard)
        for (column, p, q) in slopes {
            let pull = overlap * (smaller - (q < p ? 1 : 0))
            unsafe draft[column] = (weight * Float(mass) + pull + hard) * Float(q) - weight * Float(p)
        }
        if let hardColumn { unsafe draft[hardColumn] -= hard }
        return row
    }
}
