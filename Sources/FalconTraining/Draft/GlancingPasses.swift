import FalconAutograd
import FalconDraft
import FalconNN
import FalconTensor
import Foundation

/// The two passes of Coupled Sequential Glancing Distillation over one batch (Falcon, section 3.2).
struct GlancingPasses {
    let network: DraftNetwork
    let loss: DraftLoss
    /// The target's head, `[vocabulary, hidden]`.
    let weight: StoredMatrix
    /// The tokens that the draft head ranks, where those are not all.
    var vocabulary: VocabularySubset?
    /// Whether the target's distributions are those of stored statistics.
    var usesStatistics = false
    var precision = ProductPrecision.float32
    /// Whether the second pass's layers are run again on the way back instead of being kept.
    var recomputes = false
    let pool: ThreadPool

    /// What the first pass found at the positions that count.
    struct FirstPass {
        /// The target's head as both passes multiply it; goes with this before the way back.
        let heads: LossHeads
        /// Rows of `[batch * time]`.
        let rows: [Int]
        /// yhat: the head's most likely token at each.
        let drafted: [Int32]
        /// What the target says k positions ahead; `nil` where its stored statistics say it.
        let teacher: TeacherLogits?
        /// y: the target's most likely token.
        let truth: [Int32]
        /// d(y, yhat) of each sequence: how many of its positions are wrong.
        let wrong: [Int]

        /// Where some of the rows stand among these; both ascend.
        func numbers(of some: [Int]) -> [Int] {
            var number = 0
            return some.map { row in
                while rows[number] < row { number += 1 }
                precondition(rows[number] == row, "row \(row) had no first pass")
                return number
            }
        }
    }

    /// What the head predicts: no gradient, no dropout, inputs as they are. `[batch, time, hidden]`.
    func features(of batch: TrainingBatch) -> Tensor {
        var tape = Tape(on: pool, precision: precision, recordsGradients: false)
        var nothing: Dropout?
        return network.forward(
            features: Tape.constant(batch.features), states: batch.states.map { Tape.constant($0) },
            nextTokens: batch.nextTokens, ownTokens: batch.ownTokens, lengths: batch.lengths,
            dropout: &nothing, tape: &tape
        ).value
    }

    /// The first pass.
    ///
    /// - Parameter features: `features(of:)` of the batch.
    func first(_ batch: TrainingBatch, features: Tensor) -> FirstPass {
        let rows = batch.countingRows()
        let heads = laidOutHeads()
        let drafted = HeadArgmax.tokens(features.rows(at: rows), head: heads.ranking, on: pool).map(vocabulary.token)
        let teacher =
            usesStatistics
            ? nil : TeacherLogits(batch.targetFeatures.rows(at: rows), head: heads.target, on: pool)
        let truth = teacher?.tokens ?? batch.teacherStatistics(at: rows).choices
        var wrong = [Int](repeating: 0, count: batch.lengths.count)
        for (index, row) in rows.enumerated() where drafted[index] != truth[index] { wrong[row / batch.time] += 1 }
        return FirstPass(
            heads: heads, rows: rows, drafted: drafted, teacher: teacher, truth: truth, wrong: wrong)
    }

    private func laidOutHeads() -> LossHeads {
        LossHeads(weight, vocabulary: vocabulary, needsTarget: !usesStatistics, precision: precision, on: pool)
    }

    /// The second pass: with gradient, over replaced inputs.
    ///
    /// - Parameters:
    ///   - batch: with what glancing shows; its targets are the true ones.
    ///   - rows: the positions whose loss counts, at least one.
    ///   - watched: further positions whose loss is only measured.
    ///   - first: what the first pass found over the same targets, if there was one.
    ///   - dataTokens: t_{i+k+1} of each of `rows`, for `hard_label = "data"`.
    ///   - dropout: draws what falls out; moved on.
    ///   - labels: draws sampled labels; moved on.
    /// - Returns: the way back from the loss summed over the rows, what the rows gave, and what the watched ones would
    ///   have. No way back where a value is not finite.
    func second(
        _ batch: TrainingBatch, rows: [Int], watched: [Int] = [], first: FirstPass? = nil, dataTokens: [Int32],
        dropoutRate: Float, dropout: inout RowSources, labels: inout RandomSource
    ) -> (backward: BackwardPass?, result: DraftLoss.Result, watched: DraftLoss.Result?) {
        var tape = Tape(on: pool, precision: precision, recomputes: recomputes)
        var dropping = dropoutRate > 0 ? Dropout(rate: dropoutRate, random: dropout[0], rows: dropout.own) : nil
        let predicted = network.forward(
            features: Tape.constant(batch.features), states: batch.states.map { Tape.constant($0) },
            nextTokens: batch.nextTokens, ownTokens: batch.ownTokens, lengths: batch.lengths,
            dropout: &dropping, tape: &tape)
        if let dropping, dropout.isShared { dropout[0] = dropping.random }
        let heads = first?.heads ?? laidOutHeads()
        let parts = offsets(of: rows, in: batch)
        var (sum, results) = (Variable?.none, [DraftLoss.Result]())
        for part in parts {
            let (own, result) = loss(
                predicted: tape.rows(of: predicted, at: part.rows), target: batch.targetFeatures.rows(at: part.rows),
                heads: heads, teacher: teacher(of: part.rows, in: batch, first: first),
                dataTokens: part.places.map { dataTokens.isEmpty ? 0 : dataTokens[$0] }, random: &labels, tape: &tape)
            let weighted = parts.count > 1 || part.weight != 1 ? tape.scale(own, by: Float(part.weight)) : own
            if let before = sum { sum = tape.add(before, weighted) } else { sum = weighted }
            results.append(result)
        }
        let result = DraftLoss.Result(parts: results, places: parts.map(\.places))
        var seen: DraftLoss.Result?
        if result.isFinite, !watched.isEmpty {
            var silent = Tape(on: pool, precision: precision, recordsGradients: false)
            // A copy: what is measured has no part in what is learned.
            var unused = labels
            seen =
                loss(
                    predicted: Tape.constant(predicted.value.rows(at: watched)),
                    target: batch.targetFeatures.rows(at: watched), heads: heads,
                    teacher: teacher(of: watched, in: batch, first: first),
                    dataTokens: batch.dataTokens(at: watched), random: &unused, tape: &silent
                ).result
        }
        guard result.isFinite, let sum else { return (nil, result, seen) }
        return (BackwardPass(tape, of: sum), result, seen)
    }

    /// Rows that weigh alike in the loss.
    private struct Offset {
        var rows: [Int] = []
        /// Where each stands among all.
        var places: [Int] = []
        let weight: Double
    }

    /// All rows as one, or, where the recipe weighs them by it, by their offset in the block.
    private func offsets(of rows: [Int], in batch: TrainingBatch) -> [Offset] {
        guard loss.recipe.offsetDecay > 0 else { return [Offset(rows: rows, places: Array(rows.indices), weight: 1)] }
        var parts = (0..<batch.blockSize).map { Offset(weight: exp(-Double($0) / loss.recipe.offsetDecay)) }
        for (place, row) in rows.enumerated() {
            parts[row % batch.time % batch.blockSize].rows.append(row)
            parts[row % batch.time % batch.blockSize].places.append(place)
        }
        return parts.filter { !$0.rows.isEmpty }
    }

    /// The sum of the weights of some rows.
    func weight(of rows: [Int], in batch: TrainingBatch) -> Double {
        offsets(of: rows, in: batch).reduce(0) { $0 + $1.weight * Double($1.rows.count) }
    }

    /// What is known of the target's distributions at some rows.
    private func teacher(of rows: [Int], in batch: TrainingBatch, first: FirstPass?) -> DraftLoss.Teacher {
        if usesStatistics { return .statistics(batch.teacherStatistics(at: rows)) }
        if let first, let logits = first.teacher { return .logits(logits, rows: first.numbers(of: rows)) }
        return .features
    }
}
