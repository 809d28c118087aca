import FalconTensor
import Foundation

/// `state.json` of a checkpoint: all that a run needs to go on as if it had never stopped, but for the tensors.
///
/// It holds no time and no machine's name: two runs that did the same have the same bytes here.
package struct TrainingState: Codable, Equatable, Sendable {
    /// `draft` or `target`: what the run trains.
    package var kind: String
    /// Optimizer steps done.
    package var step = 0
    /// The epoch that the next step belongs to, from 0.
    package var epoch = 0
    /// Batches of that epoch that are done: the sampler's position.
    package var position = 0
    /// Random sources by name, each where it stands.
    package var random: [String: RandomSource] = [:]
    /// What the trained weights belong to, e.g. the target's fingerprint.
    package var fingerprints: [String: String] = [:]
    /// The resolved recipe, as in `recipe.toml`, and its SHA-256.
    package var recipe: String
    package var recipeHash: String
    /// The step whose evaluation was the best so far, and its merit; see `TrainingTask.merit`.
    package var bestStep: Int?
    package var bestMerit: Double?
    /// Evaluations since then that were no better; `nil` before the first of them.
    package var staleEvaluations: Int?
    /// Batches left out because their loss was not finite.
    package var skippedBatches = 0

    enum CodingKeys: String, CodingKey {
        case kind, step, epoch, position, random, fingerprints, recipe
        case recipeHash = "recipe_hash"
        case bestStep = "best_step"
        case bestMerit = "best_merit"
        case staleEvaluations = "stale_evaluations"
        case skippedBatches = "skipped_batches"
    }

    /// - Throws: `FileError` where the file is missing or is no state.
    package init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FileError(path, "no such file; the checkpoint is not whole")
        }
        do {
            self = try JSONDecoder().decode(TrainingState.self, from: data)
        } catch {
            throw FileError(path, "is not the state of a training run; resume from another checkpoint")
        }
        guard step >= 0, epoch >= 0, position >= 0 else {
            throw FileError(path, "has a negative step, epoch or position; resume from another checkpoint")
        }
    }

    package init(kind: String, recipe: String, recipeHash: String) {
        self.kind = kind
        self.recipe = recipe
        self.recipeHash = recipeHash
    }

    package func write(_ path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(path, text: String(decoding: try encoder.encode(self), as: UTF8.self) + "\n")
    }
}
