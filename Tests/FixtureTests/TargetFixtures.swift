import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

extension FixtureFamily {
    /// Target models: features, logits and greedy tokens by `falcon-inspect features`, for both spellings of the
    /// configuration.
    static let targets = FixtureFamily(name: "targets") { folder in
        try FixtureFolder(path: folder + "/targets").folders(with: "expected.safetensors").flatMap { model in
            try model.contents.filter { $0.hasPrefix("config") && $0.hasSuffix(".json") }.map { configuration in
                FixtureJob("\(model.name) \(configuration)") { comparison in
                    try compare(model, configuration: configuration, &comparison)
                }
            }
        }
    }

    private static func compare(
        _ model: FixtureFolder, configuration: String, _ comparison: inout Comparison
    ) throws {
        let scratch = try TemporaryFolder()
        let copy = scratch.file("model")
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for file in try model.contents where !file.hasPrefix("config") {
            try FileManager.default.createSymbolicLink(atPath: copy + "/" + file, withDestinationPath: model[file])
        }
        try FileManager.default.createSymbolicLink(
            atPath: copy + "/config.json", withDestinationPath: model[configuration])

        let golden = try model.tensors("expected.safetensors")
        let (features, logits) = (try golden.real("final_hidden"), try golden.real("logits"))
        let rows = features.shape[0]
        let prompts = try golden.rows("input_ids", count: rows)
        let greedy = try golden.rows("greedy_ids", count: rows)
        for row in 0..<rows {
            // The prompt with its greedy continuation but the last token: whatever is most likely behind each prefix
            // of it must be the continuation's next token.
            let (prompt, answer) = (prompts[row], greedy[row])
            let tokens = prompt + answer.dropLast()
            let found = try Command.inspect(
                ["features", "--target", copy, "--tokens", tokens.map(String.init).joined(separator: ",")],
                in: scratch, "features.safetensors")
            let (hidden, scores) = (try found.real("hidden"), try found.real("logits"))
            comparison.close(
                hidden.rows(0..<prompt.count), features.slice(row), absolute: 2e-4, "final_hidden of row \(row)")
            comparison.close(
                scores.rows(0..<prompt.count), logits.slice(row), absolute: 2e-4, "logits of row \(row)")
            comparison.equal(
                scores.rows(prompt.count - 1..<tokens.count).argmaxRows(on: ThreadPool(threadCount: 1)), answer,
                "greedy_ids of row \(row)")
        }
        let printed = try CommandRunner.run("falcon-inspect", ["model", "--target", copy, "--quiet"])
        comparison.equal(printed.status, 0, "the exit status of falcon-inspect model (\(printed.stderr))")
    }
}
