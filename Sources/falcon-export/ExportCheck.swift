import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTraining
import Foundation

/// Whether exported files decode as the trainer's weights did: they are replayed over held-out dialogues of the
/// features that the run was trained on (see `ReplayEvaluation`).
///
/// That the files hold the checkpoint's weights, `WrittenWeights` has found before. What is left to see is that they
/// decode as the run says: on a sample of the dialogues, whose figures the run logs with each evaluation, or, where
/// that is asked for, on all of them, by where they come from. Files in float32 must give the very figures that the
/// run logged at this step, or, where it logged none, the checkpoint's. Files of fewer bits round the weights; what
/// that does to the accept length is measured.
struct ExportCheck {
    struct Outcome {
        let features: String
        /// By `chain` and `tree` of the recipe.
        let chain, tree: String
        /// The checkpoint's own weights, and the exported ones, read back from their files.
        let trained, exported: ReplayEvaluation.Result
        /// The exported ones by where the dialogues come from, as far as their ids tell; empty where they do not, or
        /// where a sample was replayed.
        let bySource: [(name: String, dialogues: Int, result: ReplayEvaluation.Result)]
        /// How many were replayed, and how many the run holds out for its figures.
        let dialogues, heldOut: Int
        /// Whether the run logged an evaluation at this step, which was compared.
        let isLogged: Bool

        var isSample: Bool { dialogues < heldOut }

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
    /// Whether all held-out dialogues are replayed.
    let isFull: Bool
    let pool: ThreadPool
    /// Told of dialogues that are replayed: how many of how many; of an unknown number in a sample.
    let progress: (_ done: Int, _ total: Int?) -> Void

    /// - Parameter output: the exported folder.
    /// - Throws: `Impossible` where the features or the target are not there, `FileError` where the figures differ.
    func run(_ output: String) throws -> Outcome {
        guard let recipe = checkpoint.recipe, recipe.pretrain == nil else {
            throw Impossible(reason: "\(checkpoint.folder) has no recipe.toml of a draft head's training")
        }
        let (target, store) = try material(recipe)
        let heldOut = Array(
            store.split(validationFraction: recipe.data.validationFraction).validation
                .filter { store.sequences[$0].length > 0 }
                .prefix(recipe.evaluation.dialogues))
        let ends = target.packed(on: pool)
        let groups = isFull ? ExportCheck.sources(heldOut, store) : []
        let total = isFull ? 2 * heldOut.count + groups.reduce(0) { $0 + $1.indices.count } : nil
        var done = 0
        func replay(_ head: DraftHead, _ indices: [Int]) throws -> ReplayEvaluation.Results {
            let evaluation = try ReplayEvaluation(
                recipe: recipe, target: target, source: store, indices: indices, pool: pool)
            let results = try evaluation.evaluate(head, ends: ends, isSample: !isFull) { progress(done + $0, total) }
            done += results.dialogues.count
            return results
        }
        func figures(_ results: ReplayEvaluation.Results) -> (count: Int, result: ReplayEvaluation.Result) {
            isFull ? (results.dialogues.count, results.whole) : results.sample
        }

        let head = try DraftHead(folder: output, ends: ends, pool: pool)
        let written = try replay(head, heldOut)
        let (count, exported) = figures(written)
        guard exported.textTokens > 0 else {
            throw Impossible(reason: "\(store.folder) holds no held-out dialogue with an answer")
        }
        // The same weights need no second replay where the log says what they give.
        let isCompared = type == .float32 && !isFull && hasSample(count)
        let own =
            isCompared
            ? written : try replay(DraftHead(folder: checkpoint.folder, ends: ends, pool: pool), heldOut)
        let isLogged = try compareWithLog(own)
        let trained = figures(own).result
        if type == .float32, exported != trained {
            throw FileError(
                output,
                "the exported files give the accept length \(exported.tree.acceptLength), the checkpoint "
                    + "\(trained.tree.acceptLength); nothing is exported, please report it")
        }
        let bySource = try groups.map { name, indices in
            (name: name, dialogues: indices.count, result: try replay(head, indices).whole)
        }
        return Outcome(
            features: store.folder, chain: "chain:\(recipe.evaluation.depths)", tree: recipe.evaluation.tree,
            trained: trained, exported: exported, bySource: bySource, dialogues: count, heldOut: heldOut.count,
            isLogged: isLogged)
    }

    private func material(_ recipe: Recipe) throws -> (EmbeddingAndHead, FeatureStore) {
        guard recipe.data.source == .shards else { throw Impossible(reason: "the run made its features as it went") }
        for folder in [recipe.target.path, recipe.data.shards] {
            guard FileManager.default.fileExists(atPath: folder) else {
                throw Impossible(reason: "\(folder), which the run was trained with, is not there")
            }
        }
        let target = try EmbeddingAndHead(ModelSource(path: recipe.target.path), checkedOn: pool)
        let store = try FeatureStore(folder: recipe.data.shards)
        for (name, own) in [("target", target.fingerprint), store.fingerprint] {
            guard checkpoint.fingerprints[name] == own else {
                throw Impossible(
                    reason: "the \(name) at the recipe's place is another one than the run was trained with")
            }
        }
        return (target, store)
    }

    /// Whether the run logged the figures of a sample of so many dialogues at this step.
    private func hasSample(_ count: Int) -> Bool { checkpoint.metrics?["sample_dialogues"]?.integer == count }

    /// Compares with what the run logged at the checkpoint's step; `false` where it logged no figures of these
    /// dialogues there.
    private func compareWithLog(_ results: ReplayEvaluation.Results) throws -> Bool {
        var pairs: [(String, ReplayEvaluation.Result)] = []
        // Whatever was replayed holds the sample.
        if hasSample(results.sample.count) { pairs.append(("sample_", results.sample.result)) }
        if isFull { pairs.append(("", results.whole)) }
        var isLogged = false
        for (prefix, result) in pairs {
            for (name, own) in [
                (prefix + "accept_length_tree", result.tree.acceptLength),
                (prefix + "accept_length_chain", result.chain.acceptLength),
            ] {
                guard let logged = checkpoint.metrics?[name]?.double else { continue }
                isLogged = true
                // The log holds what a float32 holds.
                guard Float(own) == Float(logged) else {
                    throw FileError(
                        checkpoint.folder,
                        "its weights give \(name) \(Float(own)), but the run logged \(Float(logged)) at this step: one "
                            + "of them was changed; --no-check exports it all the same")
                }
            }
        }
        return isLogged
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
