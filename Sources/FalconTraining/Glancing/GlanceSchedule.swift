/// How the share of the wrong positions that is shown falls over the epochs (section 3.2 of the paper, "lambda").
package enum GlanceSchedule: String, CaseIterable, Sendable, RecipeChoice {
    /// `0.4 * (E - e) / E`, as the paper says.
    case paper
    /// `0.35 * (E - e) / E + 0.1`, as the authors' code does.
    case code

    /// Lambda in epoch `epoch` (from 0) of `epochs`.
    package func lambda(epoch: Int, epochs: Int) -> Double {
        let left = Double(epochs - epoch) / Double(epochs)
        return switch self {
        case .paper: 0.4 * left
        case .code: 0.35 * left + 0.1
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
    /// - Returns: for each position, whether it counts.
    package func counting(lossMask: [UInt8], blockSize: Int) -> [Bool] {
        lossMask.indices.map { position in
            switch self {
            case .target:
                let asked = position + blockSize + 1
                return asked < lossMask.count && lossMask[asked] != 0
            case .authors:
                return position + blockSize < lossMask.count && lossMask[position] != 0
            }
        }
    }
}
