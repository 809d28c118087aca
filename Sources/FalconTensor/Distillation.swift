import Foundation
internal import CFalconKernels

/// The distillation loss of Coupled Sequential Glancing Distillation (Falcon, section 3.3, equations 3 and 4): the
/// draft head's features and the target's go through the same frozen language-model head, and the two distributions
/// over the vocabulary are compared.
///
/// Loss, gradient and the statistics of accuracy come out of one pass over row chunks; `[rows, vocabulary]` never
/// exists but for what `TeacherLogits` keeps. The sums over a chunk's rows do not depend on the number of threads.
package enum Distillation {
    /// How the soft loss compares p (the target's distribution) with q (the draft head's).
    package enum SoftLoss: Sendable, Equatable {
        /// The Kullback-Leibler divergence KL(p || q), at temperature 1.
        case divergence
        /// The authors' code: sum of p * (log pT - log(qT + 1e-8)), where pT and qT are softened by a temperature
        /// (0.95) but the weight p is not, and no factor T^2. It can be negative.
        case authorsCode(temperature: Float)
        /// By how often a token drawn from q is accepted, which is by a = sum of min(p, q), at temperature 1.
        ///
        /// - Parameters:
        ///   - measure: how a becomes a loss.
        ///   - divergenceShare: how much of the loss is the divergence all the same: where p and q have nothing in
        ///     common a has no slope that leads anywhere.
        case overlap(Overlap, divergenceShare: Float)
    }

    /// Losses of the share a that two distributions have in common, 0 where q is all that it can be. m is p(D), the
    /// probability of the tokens that the draft head ranks: 1 without a draft vocabulary.
    package enum Overlap: Sendable, Equatable {
        /// m - a: the total variation distance, where m is 1.
        case totalVariation
        /// -log(a / m): a row of which little is accepted pulls harder than by its total variation.
        case logarithm

        /// a of `mass` counts as no less than this share of it, so that the logarithm and its slope stay finite.
        private static let least: Double = 1e-6

        /// The loss, and the factor that the slope of `-a` has in it.
        func evaluate(_ common: Double, of mass: Double) -> (loss: Double, slope: Double) {
            guard mass > 0 else { return (0, 0) }
            switch self {
            case .totalVariation: return (max(0, mass - common), 1)
            case .logarithm:
                let common = max(common, Overlap.least * mass)
                return (max(0, -log(common / mass)), 1 / common)
            }
        }
    }

    /// Which token the cross entropy asks for.
    package enum HardLabel: Sendable {
        /// The target's most likely token.
        case argmax
        /// One drawn from the target's distribution; the same source gives the same tokens.
        case sample(RandomSource)
        /// One given for each row, e.g. the data's own.
        case tokens([Int32])
    }

    package struct Options: Sendable {
        package var softLoss: SoftLoss
        package var hardLabel: HardLabel
        /// alpha in `alpha * soft + (1 - alpha) * hard`.
        package var softWeight: Float

        package init(softLoss: SoftLoss = .divergence, hardLabel: HardLabel = .argmax, softWeight: Float = 0.9) {
            (self.softLoss, self.hardLabel, self.softWeight) = (softLoss, hardLabel, softWeight)
        }
    }

    package struct Result: Sendable {
        /// `softWeight * softLoss + (1 - softWeight) * hardLoss`.
        package let loss: Float
        /// Sums over rows, divided by the denominator.
        package let softLoss, hardLoss: Float
        /// What each row adds to `loss`, before the division; 0 in skipped rows.
        package let rowLosses: [Float]
        /// The derivative of `loss` with respect to the predicted features, of their shape; `nil` if not asked for.
        package let gradient: Tensor?
        /// The most likely token of each row, lowest id on ties: the draft head's and the target's. -1 in skipped rows.
        package let draftTokens, targetTokens: [Int32]
        /// Where the target's token stands in the draft head's order, from 0: among the first n iff `rank < n`.
        /// `outside` where the draft vocabulary lacks it, `Int32.max` in skipped rows.
        package let ranks: [Int32]
        /// Rows whose features or logits are not finite: they count nothing and get no gradient.
        package let skippedRows: Int

        /// How many rows have the target's token among the draft head's first `count`.
        package func hits(top count: Int) -> Int { ranks.count { $0 < count } }
    }

    /// The rank of a token that the draft vocabulary lacks: a wrong answer, whatever is asked for.
    package static let outside = Int32.max - 1

    /// The epsilon inside the authors' logarithm.
    private static let authorsEpsilon: Float = 1e-8

    /// - Parameters:
    ///   - predicted: `[rows, hidden]`, only the rows that count.
    ///   - target: the target's features, of the same shape.
    ///   - draft: the rows of the head that are the draft vocabulary, where there is one (see `SubsetHead`); `head`
    ///     then serves the target's distributions alone.
    ///   - teacher: what the target says at more rows of the batch, if that is known already, and for each row here its
    ///     number there.
    ///   - denominator: what the sums over rows are divided by: the number of rows that count in the whole batch (the
    ///     authors' code adds 1e-5).
    ///   - needsGradient: whether `gradient` is wanted; it costs a third of the time.
    package static func evaluate(
        predicted: Tensor, target: Tensor, head: VocabularyHead, draft: SubsetHead? = nil,
        teacher: (logits: TeacherLogits, rows: [Int])? = nil, options: Options = Options(), denominator: Float,
        needsGradient: Bool = true, on pool: ThreadPool
    ) -> Result {
        if let draft {
            return evaluate(
                predicted: predicted, target: target, head: head, within: draft, teacher: teacher, options: options,
                denominator: denominator, needsGradient: needsGradient, on: pool)
        }
        let (rows, hidden, vocabulary) = (predicted.rowCount, predicted.width, head.vocabulary)
        precondition(
            predicted.shape == target.shape && hidden == head.hidden,
            "predicted features \(predicted.shape), true features \(target.shape), a head of width \(head.hidden)")
        precondition(
            teacher.map { $0.rows.count == rows } ?? true, "\(teacher?.rows.count ?? 0) known rows for \(rows) rows")
        precondition(rows == 0 || denominator > 0, "\(rows) rows over a denominator of \(denominator)")
        var labels = HardLabels(options.hardLabel, rows: rows)
        let isKnown = teacher.map { $0.rows.allSatisfy { [kept = $0.logits.keptRows] in $0 < kept } } ?? false
        let chunks = VocabularyChunks(rows: rows, vocabulary: vocabulary, logitSets: isKnown ? 1 : 2)
        var gradient = needsGradient ? Tensor(uninitialized: predicted.shape) : nil
        let gradients = unsafe gradient?.mutablePointer()
        var outcomes = [Row](repeating: Row(), count: rows)

        let capacity = chunks.capacity * (isKnown ? 1 : 2)
        let features = TensorStorage(uninitialized: capacity * hidden)
        let logits = TensorStorage(uninitialized: capacity * vocabulary)
        let shares = TensorStorage(uninitialized: needsGradient ? head.shareCount(rows: chunks.capacity) : 0)
        let (p, t) = unsafe (predicted.pointer, target.pointer)
        for index in 0..<chunks.count {
            let chunk = chunks[index]
            let (count, start) = (chunk.count, chunk.lowerBound * hidden)
            // The draft head's rows, then the target's unknown ones: one product reads the head once for both.
            unsafe features.base.update(from: p + start, count: count * hidden)
            var used = count
            let targets = unsafe chunk.map { row -> UnsafePointer<Float> in
                if let teacher, teacher.rows[row] < teacher.logits.keptRows {
                    return unsafe UnsafePointer(teacher.logits.kept.base + teacher.rows[row] * vocabulary)
                }
                unsafe (features.base + used * hidden).update(from: t + row * hidden, count: hidden)
                defer { used += 1 }
                return unsafe UnsafePointer(logits.base + used * vocabulary)
            }
            unsafe head.logits(features.base, count: used, into: logits.base, on: pool)
            let draws = labels.next(count)
            unsafe outcomes.withUnsafeMutableBufferPointer { outcomes in
                let results = unsafe outcomes.baseAddress! + chunk.lowerBound
                pool.run(count) { row in
                    let teacher = unsafe TeacherRow(targets[row], vocabulary, label: draws[row], options)
                    unsafe results[row] = compare(
                        draft: logits.base + row * vocabulary, with: teacher, width: vocabulary, options: options,
                        denominator: denominator,
                        isUsable: falcon_all_finite(p + start + row * hidden, hidden) != 0
                            && falcon_all_finite(t + start + row * hidden, hidden) != 0)
                }
            }
            if let gradients = unsafe gradients {
                unsafe head.featureGradient(
                    logits.base, count: count, shares: shares.base, into: gradients + start, on: pool)
            }
        }
        return result(outcomes, gradient, options, denominator)
    }

    static func result(
        _ rows: [Row], _ gradient: Tensor?, _ options: Options, _ denominator: Float
    ) -> Result {
        let count = rows.isEmpty ? 1 : Double(denominator)
        let soft = rows.reduce(0.0) { $0 + Double($1.soft) } / count
        let hard = rows.reduce(0.0) { $0 + Double($1.hard) } / count
        let alpha = Double(options.softWeight)
        return Result(
            loss: Float(alpha * soft + (1 - alpha) * hard), softLoss: Float(soft), hardLoss: Float(hard),
            rowLosses: rows.map { options.softWeight * $0.soft + (1 - options.softWeight) * $0.hard },
            gradient: gradient, draftTokens: rows.map(\.draftToken), targetTokens: rows.map(\.targetToken),
            ranks: rows.map(\.rank), skippedRows: rows.count { $0.draftToken < 0 })
    }

    /// What one row gives.
    struct Row {
        var soft: Float = 0, hard: Float = 0
        var draftToken: Int32 = -1, targetToken: Int32 = -1, rank: Int32 = .max
    }

    /// One row of the target's distribution, as far as the draft head ranks its tokens.
    @unsafe struct TeacherRow {
        /// The logits of the draft head's tokens, in its order.
        let logits: UnsafePointer<Float>
        /// The target's own token, by its id, and its column; `nil` where it has none.
        let token: Int32
        let column: Int?
        /// The column of the hard label; `nil` where it has none.
        let hardColumn: Int?
        /// Of the whole distribution.
        let maximum, sum: Float
        /// The sum of the exponentials at the authors' temperature.
        let softSum: Float
        /// p(D): the probability of all tokens that the draft head ranks.
        let mass: Float
    }

    /// Compares one row's logits and leaves the loss's derivative in place of the draft head's.
    ///
    /// With p not summing to 1 over these tokens, the soft loss is the one of p / p(D) times p(D): its slope in the
    /// draft head's logits is `p(D) q - p`, so that a row whose tokens are mostly others teaches little.
    ///
    /// - Parameter width: how many tokens the draft head ranks.
    static func compare(
        draft: UnsafeMutablePointer<Float>, with teacher: TeacherRow, width: Int, options: Options,
        denominator: Float, isUsable: Bool
    ) -> Row {
        let loops = unsafe TrainingLoops.best
        var row = Row()
        unsafe row.targetToken = teacher.token
        let draftMaximum = unsafe loops.maximum(draft, width, &row.draftToken)
        let draftSum = unsafe loops.sum_of_exponentials(draft, width, draftMaximum, 1)
        guard isUsable, unsafe teacher.sum.isFinite, draftSum.isFinite else {
            // 0 * NaN is NaN: a bad row must leave zeros, or it would spread through the product with the weight.
            unsafe draft.update(repeating: 0, count: width)
            return Row()
        }
        let (targetLog, draftLog) = unsafe (log(teacher.sum), log(draftSum))
        let mass = unsafe teacher.mass
        if let column = unsafe teacher.hardColumn { row.hard = unsafe draftLog - (draft[column] - draftMaximum) }
        row.rank = unsafe teacher.column.map { unsafe Int32(loops.rank(draft, width, $0)) } ?? outside
        let soft = options.softWeight / denominator
        let hard = unsafe teacher.hardColumn == nil ? 0 : (1 - options.softWeight) / denominator
        switch options.softLoss {
        case .divergence:
            // The loop's slope is (soft + hard) q - soft p.
            row.soft = unsafe loops.distil(
                draft, teacher.logits, width, draftMaximum, draftLog, teacher.maximum, targetLog, soft,
                hard + soft * (mass - 1))
            if mass > 0, mass < 1 { row.soft -= mass * log(mass) }
        case .overlap(let measure, let divergenceShare):
            var smaller: Float = 0
            let common = unsafe loops.overlap(
                draft, teacher.logits, width, draftMaximum, draftLog, teacher.maximum, targetLog, &smaller)
            let (loss, slope) = measure.evaluate(Double(common), of: Double(mass))
            let divergent = soft * divergenceShare
            var divergence = unsafe loops.distil_overlap(
                draft, teacher.logits, width, draftMaximum, draftLog, teacher.maximum, targetLog, smaller,
                (soft - divergent) * Float(slope), divergent, hard + divergent * (mass - 1))
            if mass > 0, mass < 1 { divergence -= mass * log(mass) }
            row.soft = divergenceShare * divergence + (1 - divergenceShare) * Float(loss)
        case .authorsCode(let temperature):
            let sharpness = 1 / temperature
            let draftSoftSum = unsafe loops.sum_of_exponentials(draft, width, draftMaximum, sharpness)
            row.soft = unsafe loops.distil_authors_code(
                draft, teacher.logits, width, draftMaximum, draftLog, log(draftSoftSum), teacher.maximum, targetLog,
                log(teacher.softSum), temperature, authorsEpsilon, soft, hard)
        }
        if let column = unsafe teacher.hardColumn { unsafe draft[column] -= hard }
        return row
    }
}

extension Distillation.TeacherRow {
    /// A row whose tokens are all ranked.
    init(
        _ logits: UnsafePointer<Float>, _ vocabulary: Int, label: Distillation.HardLabels.Row,
        _ options: Distillation.Options
    ) {
        let loops = unsafe TrainingLoops.best
        var token: Int32 = 0
        let maximum = unsafe loops.maximum(logits, vocabulary, &token)
        let sum = unsafe loops.sum_of_exponentials(logits, vocabulary, maximum, 1)
        let hard: Int
        switch label {
        case .argmax: hard = Int(token)
        case .given(let given): hard = Int(given)
        // Of a distribution that is none, nothing can be drawn; its row is skipped.
        case .draw(let uniform):
            hard = unsafe sum.isFinite ? loops.draw(logits, vocabulary, maximum, uniform * Double(sum)) : 0
        }
        precondition((0..<vocabulary).contains(hard), "label \(hard) in a vocabulary of \(vocabulary)")
        var softSum: Float = 1
        if case .authorsCode(let temperature) = options.softLoss {
            softSum = unsafe loops.sum_of_exponentials(logits, vocabulary, maximum, 1 / temperature)
        }
        unsafe self.init(
            logits: logits, token: token, column: Int(token), hardColumn: hard, maximum: maximum, sum: sum,
            softSum: softSum, mass: 1)
    }
}

extension Distillation {
    /// The label of each row, drawn in row order before the rows are shared among threads.
    struct HardLabels {
        enum Row {
            case argmax
            case given(Int32)
            /// A number in `[0, 1)` that picks a token from the distribution.
            case draw(Double)
        }

        private var choice: Distillation.HardLabel
        private var position = 0

        init(_ choice: Distillation.HardLabel, rows: Int) {
            if case .tokens(let tokens) = choice {
                precondition(tokens.count == rows, "\(tokens.count) labels for \(rows) rows")
            }
            self.choice = choice
        }

        mutating func next(_ count: Int) -> [Row] {
            defer { position += count }
            switch choice {
            case .argmax: return [Row](repeating: .argmax, count: count)
            case .tokens(let tokens): return tokens[position..<position + count].map(Row.given)
            case .sample(var source):
                let rows = (0..<count).map { _ in Row.draw(source.uniformDouble()) }
                choice = .sample(source)
                return rows
            }
        }
    }
}
