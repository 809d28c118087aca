import FalconAutograd
import FalconTensor

/// The loss of a draft head over the rows that count (Falcon, section 3.3):
/// `feature_weight * smooth-L1 + distill_weight * (alpha * soft + (1 - alpha) * hard)`, summed over rows.
struct DraftLoss {
    let recipe: LossSection

    /// What is known of the target's distributions.
    enum Teacher {
        /// Its logits at the rows of the first pass, and for each row here its number there.
        case logits(TeacherLogits, rows: [Int])
        /// A row for each row here.
        case statistics(TeacherStatistics)
        /// Nothing but its features.
        case features
    }

    /// What some rows gave.
    struct Result {
        /// The sums over rows.
        let total, feature, soft, hard: Double
        /// What each row adds to `total`.
        let rowLosses: [Double]
        /// For each row, how many tokens the head finds more likely than the target's choice, more than there are where
        /// the draft vocabulary lacks it; `nil` where a row's values are not finite.
        let ranks: [Int?]

        var isFinite: Bool { total.isFinite && ranks.allSatisfy { $0 != nil } }
    }

    /// - Parameters:
    ///   - predicted: g, `[rows, hidden]`.
    ///   - target: f k positions ahead, of the same shape.
    ///   - heads: the target's, frozen.
    ///   - teacher: what its distributions are taken from.
    ///   - dataTokens: t_{i+k+1} of each row, for `hard_label = "data"`.
    ///   - random: draws the labels of `hard_label = "sample"`; moved on by one stream a call.
    func callAsFunction(
        predicted: Variable, target: Tensor, heads: LossHeads, teacher: Teacher = .features,
        dataTokens: [Int32], random: inout RandomSource, tape: inout Tape
    ) -> (loss: Variable, result: Result) {
        let hardLabel: Distillation.HardLabel =
            switch recipe.hardLabel {
            case .argmax: .argmax
            case .sample: .sample(random.stream("\(random.next())"))
            case .data: .tokens(dataTokens)
            }
        let options = Distillation.Options(
            softLoss: recipe.distillation, hardLabel: hardLabel, softWeight: Float(recipe.softWeight))
        let (distilled, parts) =
            switch teacher {
            case .logits(let logits, let rows):
                tape.distillation(
                    predicted, target: target, head: heads.target, draft: heads.draft, teacher: (logits, rows),
                    options: options, denominator: 1)
            case .features:
                tape.distillation(
                    predicted, target: target, head: heads.target, draft: heads.draft, options: options,
                    denominator: 1)
            case .statistics(let statistics):
                tape.distillation(
                    predicted, statistics: statistics, head: heads.ranking, subset: heads.draft?.subset,
                    options: options, denominator: 1)
            }
        let (feature, features) = tape.smoothL1(predicted, target: target, denominator: 1)
        let loss = tape.add(
            tape.scale(feature, by: Float(recipe.featureWeight)),
            tape.scale(distilled, by: Float(recipe.distillWeight)))
        let result = Result(
            total: Double(loss.value.scalar), feature: Double(feature.value.scalar), soft: Double(parts.softLoss),
            hard: Double(parts.hardLoss),
            rowLosses: zip(features.rowLosses, parts.rowLosses).map {
                recipe.featureWeight * Double($0) + recipe.distillWeight * Double($1)
            },
            ranks: parts.ranks.map { $0 == .max ? nil : Int($0) })
        return (loss, result)
    }
}

extension DraftLoss.Result {
    /// What several groups of rows gave, put together again; no row weighs more than another in it.
    ///
    /// - Parameter places: where the rows of each part stand among all.
    init(parts: [DraftLoss.Result], places: [[Int]]) {
        if parts.count == 1 {
            self = parts[0]
            return
        }
        let count = places.reduce(0) { $0 + $1.count }
        var losses = [Double](repeating: 0, count: count)
        var ranks = [Int?](repeating: nil, count: count)
        for (part, places) in zip(parts, places) {
            for (number, place) in places.enumerated() {
                (losses[place], ranks[place]) = (part.rowLosses[number], part.ranks[number])
            }
        }
        self.init(
            total: parts.reduce(0) { $0 + $1.total }, feature: parts.reduce(0) { $0 + $1.feature },
            soft: parts.reduce(0) { $0 + $1.soft }, hard: parts.reduce(0) { $0 + $1.hard }, rowLosses: losses,
            ranks: ranks)
    }
}

extension LossSection {
    /// The soft loss as it is computed. A divergence at another temperature than 1 is the authors' mixed form.
    var distillation: Distillation.SoftLoss {
        let share = Float(divergenceShare)
        return switch softLoss {
        case .divergence: temperature == 1 ? .divergence : .authorsCode(temperature: Float(temperature))
        case .totalVariation: .overlap(.totalVariation, divergenceShare: share)
        case .acceptance: .overlap(.logarithm, divergenceShare: share)
        }
    }
}
