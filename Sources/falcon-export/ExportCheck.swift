import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTraining
import Foundation

/// Whether exported files decode as the trainer's weights did: both are replayed over the held-out dialogues of the
/// features that the run was trained on (see `ReplayEvaluation`).
///
/// Files in float32 must give the very counts that the checkpoint gives, and those must be the accept lengths that the
/// run logged at this step. Files of fewer bits round the weights; what that does to the accept length is measured.
struct ExportCheck {
    struct Outcome {
        let features: String
        /// By `chain` and `tree` of the recipe.
        let chain, tree: String
        /// The checkpoint's own weights, and the exported ones, read back from their files.
        let trained, exported: ReplayEvaluation.Result
        /// The exported ones by where the dialogues come from, as far as their ids tell; empty where they do not.
        let bySource: [(name: String, dialogues: Int, result: ReplayEvaluation.Result)]
        let dialogues: Int
        /// Whether the run logged an evaluation at this step, which was compared.
        let isLogged: Bool

        /// How much of the accept length the exported type costs, e.g. -0.01 for one hundredth.
        var change: Double {
            let before = trained.tree.acceptLength
            return before > 0 ? exported.tree.acceptLength / before - 1 : 0
        }
    }

    /// There is nothing to check by: why, in a few words.
    struct Impossible: Error { let reason: String }

    let checkpoint: TrainedCheckpoint
    let type: ElementType
    let pool: ThreadPool

    /// - Parameter output: the exported folder.
    /// - Throws: `Impossible` where the features or the target are not at hand, `FileError` where the figures differ.
    func run(_ output: String) throws -> Outcome {
        guard let recipe = checkpoint.recipe, recipe.pretrain == nil else {
            throw Impossible(reason: "\(checkpoint.folder) has no recipe.toml of a draft head's training")
        }
        let (target, store) = try material(recipe)
        let heldOut = Array(
            store.split(validationFraction: recipe.data.validationFraction).validation
                .prefix(recipe.evaluation.dialogues))
        func replay(_ indices: [Int]) throws -> ReplayEvaluation {
            try ReplayEvaluation(recipe: recipe, target: target, source: store, indices: indices, pool: pool)
        }
        let ends = TargetEnds(
            target.configuration, fingerprint: target.fingerprint, embedding: target.embedding, head: target.weight,
            pool: pool)
        let trained = try replay(heldOut).evaluate(
            DraftHead(folder: checkpoint.folder, ends: ends, pool: pool), ends: ends)
        guard trained.textTokens > 0 else {
            throw Impossible(reason: "\(store.folder) holds no held-out dialogue with an answer")
        }
        let isLogged = try compareWithLog(trained)
        let head = try DraftHead(folder: output, ends: ends, pool: pool)
        var bySource: [(name: String, dialogues: Int, result: ReplayEvaluation.Result)] = []
        for (name, indices) in ExportCheck.sources(heldOut, store) {
            bySource.append((name, indices.count, try replay(indices).evaluate(head, ends: ends)))
        }
        let exported = try replay(heldOut).evaluate(head, ends: ends)
        if type == .float32, exported != trained {
            throw FileError(
                output,
                "the exported files give the accept length \(exported.tree.acceptLength), the checkpoint "
                    + "\(trained.tree.acceptLength); nothing is exported, please report it")
        }
        return Outcome(
            features: store.folder, chain: "chain:\(recipe.evaluation.depths)", tree: recipe.evaluation.tree,
            trained: trained, exported: exported, bySource: bySource, dialogues: heldOut.count, isLogged: isLogged)
    }

    private func material(_ recipe: Recipe) throws -> (TargetHead, FeatureStore) {
        guard recipe.data.source == .shards else { throw Impossible(reason: "the run made its features as it went") }
        for folder in [recipe.target.path, recipe.data.shards] {
            guard FileManager.default.fileExists(atPath: folder) else {
                throw Impossible(reason: "\(folder), which the run was trained with, is not there")
            }
        }
        let target = try TargetHead(folder: recipe.target.path)
        let store = try FeatureStore(folder: recipe.data.shards)
        for (name, own) in [("target", target.fingerprint), store.fingerprint] {
            guard checkpoint.fingerprints[name] == own else {
                throw Impossible(
                    reason: "the \(name) at the recipe's place is another one than the run was trained with")
            }
        }
        return (target, store)
    }

    /// Compares with what the run logged at the checkpoint's step; `false` where it evaluated nothing there.
    private func compareWithLog(_ replayed: ReplayEvaluation.Result) throws -> Bool {
        let pairs = [
            ("accept_length_tree", replayed.tree.acceptLength), ("accept_length_chain", replayed.chain.acceptLength),
        ]
        let logged = pairs.compactMap { name, own in checkpoint.metrics?[name]?.double.map { (name, own, $0) } }
        // The log holds what a float32 holds.
        for (name, own, logged) in logged where Float(own) != Float(logged) {
            throw FileError(
                checkpoint.folder,
                "its weights give \(name) \(Float(own)), but the run logged \(Float(logged)) at this step: one of them "
                    + "was changed; --no-check exports it all the same")
        }
        return !logged.isEmpty
    }

    /// Held-out dialogues by the data set that their ids begin with: `gsm8k-train-12` comes from `gsm8k-train`.
    private static func sources(_ indices: [Int], _ store: FeatureStore) -> [(name: String, indices: [Int])] {
        let groups = Dictionary(grouping: indices) { index in
            let first = store.sequences[index].id.prefix { $0 != "+" }
            let end = first.lastIndex { !($0.isNumber || "-_.:/#".contains($0)) }
            return end.map { String(first[...$0]) } ?? ""
        }
        // Ids that are names of their own tell nothing.
        guard groups.count > 1, groups.count <= 12, !groups.keys.contains("") else { return [] }
        return groups.sorted { $0.key < $1.key }.map { (name: $0.key, indices: $0.value) }
    }
}
