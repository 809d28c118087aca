import FalconTestSupport
import Foundation
import Testing

/// Terminals that go away, closed streams and full disks: work goes on, results that are lost are an error.
@Suite(.serialized) struct LostTerminalCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func shell(_ script: String) throws -> CommandRunner.Result {
        try CommandRunner.shell(script, in: folder.path)
    }

    /// Features and a recipe for a few steps in the folder.
    private func prepare(steps: Int = 8) throws {
        let made = try shell(
            """
            "$BIN/falcon-gen-data" --target "$TARGET" --dataset '\(PipelineCommandTests.chats)' --range 0:8 \
                --max-length 64 --output features --quiet
            """)
        #expect(made.status == 0, "\(made)")
        try folder.write(
            PipelineCommandTests.recipe(target: PipelineCommandTests.target, shards: folder.file("features"))
                .replacingOccurrences(of: "max_steps = 8", with: "max_steps = \(steps)")
                .replacingOccurrences(of: "epochs = 2", with: "epochs = 1000"),
            to: "recipe.toml")
    }

    private func loggedSteps(_ run: String) throws -> [Int] {
        try String(contentsOfFile: folder.file(run + "/metrics.jsonl"), encoding: .utf8).split(separator: "\n").map {
            let line = try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            return line?["step"] as? Int ?? -1
        }
    }

    @Test func `training outlives its terminal, and a stream that was closed gets nobody else's lines`() throws {
        try prepare(steps: 24)
        let terminal = try PseudoTerminal()
        let process = try terminal.start(
            "falcon-train", ["--recipe", folder.file("recipe.toml"), "--output", folder.file("run")])
        PseudoTerminal.wait { terminal.text.contains("/24 steps") || !process.isRunning }
        terminal.close()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0, "\(terminal.text)")
        #expect(try loggedSteps("run").last == 24)

        for (number, streams) in ["2>/dev/full", "2>&-", ">&- 2>&- <&-", "2> >(exit)"].enumerated() {
            let run = try shell(
                "\"$BIN/falcon-train\" --recipe recipe.toml --output run-\(number) --set training.max_steps=4 "
                    + streams
            )
            #expect(run.status == 0, "\(streams): \(run)")
            #expect(try loggedSteps("run-\(number)") == [1, 2, 3, 4], "\(streams)")
            let data = try shell(
                """
                "$BIN/falcon-gen-data" --target "$TARGET" --dataset '\(PipelineCommandTests.chats)' --range 0:2 \
                    --output out-\(number) \(streams) >/dev/null
                """)
            #expect(data.status == 0, "\(streams): \(data)")
        }
    }

    @Test func `the end of a terminal stops a run as Ctrl-C does, but not one that was told to outlive it`() throws {
        try prepare(steps: 2000)
        let hangUp = "until [ -s run/metrics.jsonl ]; do sleep 0.05; done; kill -HUP $!; wait $!"
        let stopped = try shell(
            "\"$BIN/falcon-train\" --recipe recipe.toml --output run & \(hangUp); code=$?; cat run/latest; exit $code")
        #expect(stopped.status == 1 && !stopped.wasKilled && stopped.stdout.hasPrefix("step-"), "\(stopped)")
        #expect(stopped.stderr.contains("interrupted"), "\(stopped)")
        let deaf = try shell(
            """
            rm -r run; trap '' HUP
            "$BIN/falcon-train" --recipe recipe.toml --output run --set training.max_steps=12 --quiet & \(hangUp)
            """)
        #expect(deaf.status == 0, "\(deaf)")
        #expect(try loggedSteps("run").last == 12)
    }

    @Test func `results that cannot be written are an error of one line`() throws {
        let infer = "\"$BIN/falcon-infer\" --target \"$TARGET\" --prompt hi --max-new-tokens 2"
        let commands = [
            "\(infer) --quiet", "\(infer) --quiet --json -", "\(infer) --quiet --answers -",
            "\(infer) --quiet --stream",
            "\(infer) --quiet --report -", "\"$BIN/falcon-infer\" --help", "\"$BIN/falcon-train\" --version",
            "\"$BIN/falcon-inspect\" model --target \"$TARGET\"",
            "\"$BIN/falcon-inspect\" tokenizer --target \"$TARGET\" --text hi",
            "\"$BIN/falcon-inspect\" tree --tree medium --toml", "\"$BIN/falcon-inspect\" masks --length 4",
        ]
        for command in commands {
            let full = try shell("\(command) >/dev/full")
            #expect(full.status == 1 && !full.wasKilled, "\(command): \(full)")
            #expect(full.stderr.split(separator: "\n").count == 1 && full.stderr.contains("No space"), "\(full)")
            // Nobody can be told either, but the status tells.
            #expect(try shell("\(command) >/dev/full 2>&1").status == 1, "\(command)")
        }
        // Files are written although standard output is lost.
        let kept = try shell("\(infer) --quiet --json kept.json --answers kept.jsonl >/dev/full")
        #expect(kept.status == 1)
        #expect(try folder.contents.filter { $0.hasPrefix("kept") }.count == 2)
        let closed = try shell("\(infer) --json none.json >&-")
        #expect(closed.status == 1 && closed.stderr.contains("standard output"), "\(closed)")
        #expect(try !folder.contents.contains("none.json"))
    }

    @Test func `a reader that leaves early ends a command without a word`() throws {
        let infer = "\"$BIN/falcon-infer\" --target \"$TARGET\" --prompt hi --max-new-tokens 400 --quiet"
        let commands = [
            "\(infer) --stream --json figures.json", infer, "\(infer) --json -", "\"$BIN/falcon-infer\" --help",
            "\"$BIN/falcon-inspect\" model --target \"$TARGET\"",
        ]
        for command in commands {
            let run = try shell("\(command) | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}")
            #expect(run.stdout == "0\n" && run.stderr == "", "\(command): \(run)")
        }
        #expect(try folder.contents.contains("figures.json"))
    }

    @Test func `a log of figures on a full disk ends training in one line`() throws {
        try prepare()
        let run = try shell(
            """
            mkdir run; ln -s /dev/full run/metrics.jsonl
            "$BIN/falcon-train" --recipe recipe.toml --output run --quiet
            """)
        #expect(run.status == 1 && !run.wasKilled, "\(run)")
        #expect(run.stderr.split(separator: "\n").count == 1 && run.stderr.contains("metrics.jsonl"), "\(run)")
    }
}
