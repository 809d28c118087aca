import FalconCommandSupport
import FalconDecoding
import FalconDraft
import FalconJSON
import FalconShards
import FalconTensor
import FalconTraining
import Foundation

/// `README.md` of an exported head: what it is, what it was trained on, and how much of what it drafts is accepted.
struct ModelCard {
    let checkpoint: TrainedCheckpoint
    let network: DraftNetwork
    let type: ElementType
    let check: CheckResult
    /// Reports of `falcon-infer --json`, by their files' names.
    let reports: [(name: String, report: JSONObject)]

    var text: String {
        [head, training, acceptance, measured, recipe].filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    private var head: String {
        let configuration = network.configuration
        let model = configuration.model
        return """
            # Falcon draft head

            Predicts \(configuration.blockSize) tokens a pass for speculative decoding (Falcon, AAAI 2025).

            - block size \(configuration.blockSize), fusion \(configuration.fusion.rawValue)
            - decoder layers: \(model.layerCount), hidden size \(model.hiddenSize)
            - vocabulary: \(model.vocabularySize) tokens\(draftVocabulary)
            - \(network.parameters.trainableCount) trained parameters; the embedding is the target's; stored as \
            \(type.rawValue)

            Use it with `falcon-infer --target TARGET --draft THIS_FOLDER --prompt TEXT`. Tensors have the names of the
            authors' code. `config.json` is a Llama configuration with `k_mask` (the block size) and `fusion`.
            """
    }

    private var draftVocabulary: String {
        guard let subset = network.vocabulary else { return "" }
        return ", of which the head ranks \(subset.count) (`d2t`: target id minus draft id; `t2d`: which are ranked)"
    }

    private var training: String {
        var lines: [String] = []
        if let recipe = checkpoint.recipe {
            lines.append("- target: `\(recipe.target.path)`\(fingerprint("target"))")
            lines += data(recipe.data)
        } else if checkpoint.fingerprints["target"] != nil {
            lines.append("- target\(fingerprint("target"))")
        }
        if let step = checkpoint.step {
            let epoch = checkpoint.metrics?["epoch"]?.integer.map { ", in epoch \($0 + 1)" } ?? ""
            let tokens = checkpoint.tokens.map { ", \(counted($0, "token")) read" } ?? ""
            lines.append("- trained for \(counted(step, "step"))\(epoch)\(tokens)")
        }
        for (name, words) in [("loss", "training loss"), ("validation_loss", "validation loss")] {
            if let value = checkpoint.metrics?[name]?.double { lines.append("- \(words) \(number(value, 4))") }
        }
        if let hash = checkpoint.recipeHash { lines.append("- recipe SHA-256 \(hash)") }
        lines.append("- exported by falcon-export \(falconVersion) on \(RunFacts.machine)")
        return "## Training\n\n" + lines.joined(separator: "\n")
    }

    private func fingerprint(_ name: String) -> String {
        checkpoint.fingerprints[name].map { ", SHA-256 \($0)" } ?? ""
    }

    private func data(_ section: DataSection) -> [String] {
        guard section.source == .shards else { return ["- features made as training went, from `\(section.dataset)`"] }
        guard let store = try? FeatureStore(folder: section.shards),
            checkpoint.fingerprints[store.fingerprint.name] == store.fingerprint.digest
        else { return ["- features: `\(section.shards)`"] }
        let settings = store.manifest.settings.sorted { $0.key < $1.key }.map { name, value in
            ", \(name.replacingOccurrences(of: "_", with: " ")) \(value)"
        }
        return [
            "- features: `\(section.shards)`\(fingerprint(store.fingerprint.name))",
            "- data: \(counted(store.count, "dialogue")), \(counted(store.manifest.tokenCount, "token")), stored as "
                + store.description.storage.rawValue + settings.joined(),
        ]
    }

    private var acceptance: String {
        let title = "## Accept length on held-out dialogues\n\n"
        switch check {
        case .skipped: return title + "Not checked: `--no-check`."
        case .impossible(let reason): return title + "Not checked: \(reason)."
        case .done(let outcome):
            var rows = ["| dialogues | | tree `\(outcome.tree)` | `\(outcome.chain)` |", "|---|---|---|---|"]
            func add(_ name: String, _ count: Int, _ result: ReplayEvaluation.Result) {
                let lengths = [result.tree, result.chain].map { number($0.acceptLength, 3) }
                rows.append("| \(name) | \(count) | \(lengths[0]) | \(lengths[1]) |")
            }
            let name = outcome.isSample ? "a sample" : "all"
            add(name, outcome.dialogues, outcome.exported)
            for (name, count, result) in outcome.bySource { add("`\(name)`", count, result) }
            if type != .float32 { add(name + ", as trained (float32)", outcome.dialogues, outcome.trained) }
            let logged = ["accept_length_tree", "accept_length_chain"].compactMap { checkpoint.metrics?[$0]?.double }
            if outcome.isSample, logged.count == 2 {
                let lengths = logged.map { number($0, 3) }
                rows.append(
                    "| all, as the run logged (float32) | \(outcome.heldOut) | \(lengths[0]) | \(lengths[1]) |")
            }
            let agreement =
                100 * Double(outcome.exported.agreeingTokens) / Double(max(1, outcome.exported.textTokens))
            return title + """
                Draft tokens accepted in each pass of the target, its own token not counted, by replaying \
                `\(outcome.features)`, of whose
                answer tokens \(number(agreement, 1)) % are the target's own choice (elsewhere a pass ends, so that \
                these are lower bounds).

                \(rows.joined(separator: "\n"))

                \(outcome.verdict(type))
                """
        }
    }

    /// Live figures, by category.
    private var measured: String {
        guard !reports.isEmpty else { return "" }
        var rows = [
            "| report | tree | category | prompts | accept length | without looping | acceptance rate "
                + "| mismatched tokens |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for (name, report) in reports {
            let tree = report["tree"]?["name"]?.string ?? ""
            let categories = report["categories"]?.object?.members.map { ($0.key, $0.value) } ?? []
            for (category, figures) in [("all", JSONValue.object(report))] + categories {
                let rate = figures["acceptance_rate"]?.double.map { number(100 * $0, 1) + " %" }
                let cells = [
                    name, "`\(tree)`", category, figures["prompts"]?.integer.map(String.init),
                    figures["accept_length"]?.double.map { number($0, 2) },
                    figures["without_loops"]?["accept_length"]?.double.map { number($0, 2) }, rate,
                    figures["mismatched_tokens"]?.integer.map(String.init),
                ]
                rows.append("| " + cells.map { $0 ?? "" }.joined(separator: " | ") + " |")
            }
        }
        return "## Measured with falcon-infer\n\n" + rows.joined(separator: "\n")
    }

    private var recipe: String {
        checkpoint.recipeText.map { "## Recipe\n\n```toml\n\($0.trimmingCharacters(in: .newlines))\n```" } ?? ""
    }

    private func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}

/// What became of the check.
enum CheckResult {
    case skipped
    case impossible(reason: String)
    case done(ExportCheck.Outcome)
}

extension ExportCheck.Outcome {
    /// What the check found, in a sentence.
    func verdict(_ type: ElementType) -> String {
        let origin = isLogged ? "what the run logged at this step" : "what the checkpoint gives"
        let place =
            isSample ? " on \(dialogues) of \(heldOut) held-out dialogues (--full-check replays all)" : ""
        guard type != .float32 else {
            return "The exported files hold the checkpoint's weights bit for bit and give exactly \(origin)\(place)."
        }
        return String(
            format:
                "Stored as %@, the accept length is %.3f instead of %.3f (%+.2f %%)%@; as float32 it is exactly %@.",
            type.rawValue, exported.tree.acceptLength, trained.tree.acceptLength, 100 * change, place, origin)
    }
}
