import FalconJSON
import FalconTensor
import FalconTraining
import Foundation

/// A checkpoint and what its run left about how it came to be. All but the weights may be missing: a folder that no
/// run has written can be exported, too.
struct TrainedCheckpoint {
    /// The checkpoint's own folder.
    let folder: String
    /// Why this one of its run was taken; `nil` where it was named itself.
    let choice: String?
    let step: Int?
    let recipe: Recipe?
    let recipeText: String?
    let recipeHash: String?
    /// SHA-256 by what they are of, e.g. "target".
    let fingerprints: [String: String]
    /// What the run logged at this step, and how many tokens it had read by then.
    let metrics: JSONObject?
    let tokens: Int?

    /// - Parameter path: a checkpoint's folder, or a run's, whose best checkpoint is then taken, by the accept length
    ///   on held-out dialogues; where none was evaluated, the newest.
    /// - Throws: `FileError` where there is none, `RecipeError` where its recipe is damaged.
    init(path: String) throws {
        (folder, choice) = try TrainedCheckpoint.find(path)
        let state = (try? JSONValue(path: folder + "/state.json"))?.object
        step = state?["step"]?.integer
        recipeHash = state?["recipe_hash"]?.string
        fingerprints = Dictionary(
            uniqueKeysWithValues: (state?["fingerprints"]?.object?.members ?? []).compactMap { member in
                member.value.string.map { (member.key, $0) }
            })
        let source = folder + "/recipe.toml"
        recipeText = try? String(contentsOfFile: source, encoding: .utf8)
        recipe = try recipeText.map { try Recipe(toml: $0, source: source) }
        let log = OutputPlace.parent(of: folder) + "/metrics.jsonl"
        let logged = TrainedCheckpoint.logged(log, upTo: step ?? -1)
        metrics = step == logged.last?["step"]?.integer ? logged.last : nil
        let counts = logged.compactMap { $0["tokens"]?.integer }
        tokens = counts.isEmpty || counts.count < logged.count ? nil : counts.reduce(0, +)
    }

    /// How its run says at which step it is, and from where it was chosen.
    var summary: String { folder + (choice.map { " (\($0))" } ?? "") }

    private static func find(_ path: String) throws -> (folder: String, choice: String?) {
        let files = FileManager.default
        if files.fileExists(atPath: path + "/model.safetensors") { return (path, nil) }
        for (note, choice) in [("best", "the best of its run"), ("latest", "the newest of its run")] {
            guard let text = try? String(contentsOfFile: path + "/" + note, encoding: .utf8) else { continue }
            let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard name.hasPrefix("step-"), !name.contains("/"),
                files.fileExists(atPath: path + "/" + name + "/model.safetensors")
            else { throw FileError(path + "/" + note, "names the checkpoint '\(name)', which is not there") }
            return (path + "/" + name, choice)
        }
        throw FileError(path, "is neither a checkpoint (no model.safetensors) nor a run (no file 'latest')")
    }

    /// The lines of a run's log up to and with a step; one that a crash has cut is left out.
    private static func logged(_ path: String, upTo step: Int) -> [JSONObject] {
        guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let object = (try? JSONParser.parse(Array(line)))?.object, let logged = object["step"]?.integer
            else { return nil }
            return logged <= step ? object : nil
        }
    }
}
