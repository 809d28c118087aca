import Foundation

/// How the share of the wrong positions that is shown falls over the run (section 3.2 of the paper, "lambda").
///
/// Two schedules are others' and fixed; the rest start from the recipe's `glance.lambda`.
package enum GlanceSchedule: String, CaseIterable, Sendable, RecipeChoice {
    /// `0.4 * (E - e) / E`, as the paper says.
    case paper
    /// `0.35 * (E - e) / E + 0.1`, as the authors' code does.
    case code
    /// Always the same.
    case constant
    /// In a line to 0 at the run's end, step by step.
    case linear
    /// Along half a cosine to 0 at the run's end: late to fall.
    case cosine
    /// Times the share of the batch's positions that the first pass has wrong: less is shown the less is needed.
    case adaptive

    /// Whether lambda hangs on how many steps the run has.
    var followsSteps: Bool { self == .linear || self == .cosine }

    /// Whether lambda hangs on what the first pass found in the whole batch, which no slice of it knows.
    var followsBatch: Bool { self == .adaptive }

    /// Lambda of one batch.
    ///
    /// - Parameters:
    ///   - epoch: from 0, of `epochs`.
    ///   - done: the share of the run's steps that are done, from 0.
    ///   - start: the recipe's `glance.lambda`.
    ///   - wrongShare: of the batch's positions that count, those that the first pass has wrong.
    package func lambda(
        epoch: Int, epochs: Int, done: Double = 0, start: Double = 0.4, wrongShare: Double = 1
    ) -> Double {
        let left = Double(epochs - epoch) / Double(epochs)
        return switch self {
        case .paper: 0.4 * left
        case .code: 0.35 * left + 0.1
        case .constant: start
        case .linear: start * (1 - done)
        case .cosine: start * (1 + cos(Double.pi * done)) / 2
        case .adaptive: start * wrongShare
        }
    }
}

/// Which positions count in the loss.
package enum MaskShift: String, CaseIterable, Sendable, RecipeChoice {
    /// Position i counts where the token that it is asked for, t_{i+k+1}, is one of the assistant's: so the first
    /// tokens of every answer, where drafting starts, are trained.
    case target
    /// Position i counts where t_i is one of the assistant's, and a feature f_{i+k} exists: the authors' code.
    case authors

    /// - Parameters:
    ///   - lossMask: 1 on the assistant's tokens.
    ///   - blockSize: k.
    ///   - needsTargetToken: positions without a t_{i+k+1} do not count, as when the text gives the hard label.
    /// - Returns: for each position, whether it counts.
    package func counting(lossMask: [UInt8], blockSize: Int, needsTargetToken: Bool = false) -> [Bool] {
        lossMask.indices.map { position in
            if needsTargetToken, position + blockSize + 1 >= lossMask.count { return false }
            return switch self {
            case .target:
                position + blockSize + 1 < lossMask.count && lossMask[position + blockSize + 1] != 0
            case .authors:
                position + blockSize < lossMask.count && lossMask[position] != 0
            }
        }
    }
}
