import FalconTestSupport
import Foundation
import Testing

/// Commands under a limit on memory that is too small for them.
@Suite struct MemoryLimitCommandTests {
    @Test(.disabled(if: Sanitizer.isOn))
    func `a command without enough memory ends in one line, and a rerun ends as it should`() throws {
        let folder = try TemporaryFolder()
        let (features, run) = (folder.file("features"), folder.file("run"))
        let recipe = try folder.write(
            PipelineCommandTests.recipe(target: PipelineCommandTests.target, shards: features), to: "recipe.toml")
        let generate = [
            "--target", PipelineCommandTests.target, "--dataset", PipelineCommandTests.chats, "--output", features,
            "--range", "0:8", "--max-length", "128", "--quiet", "--threads", "2",
        ]
        let train = ["--recipe", recipe, "--output", run, "--resume", "--quiet", "--threads", "2"]
        var endedEarly = 0
        for (name, arguments) in [("falcon-gen-data", generate), ("falcon-train", train)] {
            // In KiB, from where the libraries alone have room to where only some buffers lack it.
            for limit in [180_000, 240_000, 320_000, 420_000] {
                let result = try CommandRunner.run(name, arguments, memoryLimit: limit)
                // 127: not even the libraries had room, which the system says in words of its own.
                if [0, 127].contains(result.status) && !result.wasKilled { continue }
                endedEarly += 1
                #expect(!result.wasKilled, "\(name), \(limit) KiB: \(result)")
                let lines = result.stderr.split(separator: "\n")
                #expect(lines.count == 1 && result.stderr.contains("memory"), "\(name), \(limit) KiB: \(result)")
            }
            _ = try PipelineCommandTests.succeed(name, arguments)
        }
        #expect(endedEarly > 0)
    }
}
