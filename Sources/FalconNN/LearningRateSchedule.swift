import Foundation

/// The learning rate at each step of the optimiser: a linear warm-up from 0, then as `kind` says.
package struct LearningRateSchedule: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable, Codable {
        /// Stays at the base rate.
        case constant
        /// Falls in a line to 0 at the last step.
        case linear
        /// Falls along half a cosine to 0 at the last step.
        case cosine
    }

    package var kind: Kind
    package var baseRate: Double
    package var warmupSteps: Int
    /// Warm-up included; behind it the rate stays 0 (or the base rate of a constant schedule).
    package var totalSteps: Int

    package init(_ kind: Kind, baseRate: Double, warmupSteps: Int, totalSteps: Int) {
        self.kind = kind
        self.baseRate = baseRate
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The rate of the optimiser's step number `step`, counted from 0; so the first step of a warm-up has rate 0.
    package func rate(at step: Int) -> Double {
        if step < warmupSteps { return baseRate * (Double(step) / Double(max(1, warmupSteps))) }
        let span = Double(max(1, totalSteps - warmupSteps))
        switch kind {
        case .constant: return baseRate
        case .linear: return baseRate * max(0, Double(totalSteps - step) / span)
        case .cosine:
            let progress = min(1, Double(step - warmupSteps) / span)
            return baseRate * max(0, 0.5 * (1 + cos(Double.pi * progress)))
        }
    }
}
