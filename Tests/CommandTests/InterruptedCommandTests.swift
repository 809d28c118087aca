import FalconTestSupport
import Foundation
import Testing

/// What is left of a run that was stopped, and of one that made nothing.
@Suite struct InterruptedCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: folder.file(name), encoding: .utf8)
    }

    @Test func `answers and figures so far are kept, marked as those of an interrupted run`() throws {
        let questions = (0..<3000).map { "{\"question_id\":\($0),\"turns\":[\"What is \($0) plus 7?\",\"And 8?\"]}\n" }
        try folder.write(questions.joined(), to: "q.jsonl")
        for signal in ["INT", "TERM", "HUP"] {
            // A pipe holds a part of what 3000 dialogues say: the run cannot end before it is told to.
            let run = try CommandRunner.shell(
                """
                rm -f pipe; mkfifo pipe
                "$BIN/falcon-infer" --target "$TARGET" --dataset q.jsonl --max-new-tokens 16 --stream \
                    --answers a.jsonl --json a.json --report a.html >pipe & job=$!
                exec 3<pipe
                while read -r line <&3; do case $line in "--- 3, turn 2"*) break; esac; done
                kill -\(signal) $job
                cat <&3 >out; wait $job
                """, in: folder.path)
            #expect(run.status == 1 && !run.wasKilled, "\(run)")
            #expect(run.stderr.contains("interrupted after ") && run.stderr.contains(" of 3000 dialogues"), "\(run)")
            let figures = try #require(
                try JSONSerialization.jsonObject(with: Data(text("a.json").utf8)) as? [String: Any])
            let answers = try text("a.jsonl").split(separator: "\n").map {
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
            #expect(figures["interrupted"] as? Bool == true && answers.count >= 3)
            let turns = answers.compactMap { ($0?["choices"] as? [[String: Any]])?.first?["turns"] as? [String] }
            #expect(figures["prompts"] as? Int == turns.reduce(0) { $0 + $1.count })
            let reasons = figures["finish_reasons"] as? [String: Int] ?? [:]
            #expect(reasons.values.reduce(0, +) == turns.reduce(0) { $0 + $1.count })
            #expect(try text("a.html").contains("interrupted"))
            #expect(try text("out").contains("interrupted"))
            for name in ["a.jsonl", "a.json", "a.html"] {
                try FileManager.default.removeItem(atPath: folder.file(name))
            }
        }
    }

    @Test func `a run that finished nothing leaves an earlier file alone, and a second Ctrl-C ends at once`() throws {
        try folder.write("earlier", to: "a.json")
        let run = try CommandRunner.shell(
            """
            mkfifo stream
            "$BIN/falcon-infer" --target "$TARGET" --prompt hi --max-new-tokens 1900 --stream --json a.json \\
                >stream & job=$!
            exec 3<stream; read -r -n 1 -u 3
            kill -INT $job; wait $job
            """, in: folder.path)
        #expect(try run.status == 1 && text("a.json") == "earlier" && run.stderr.contains("interrupted"), "\(run)")
        // Nobody reads the pipe: the run waits there, with its first Ctrl-C noted.
        let twice = try CommandRunner.shell(
            """
            mkfifo pipe
            "$BIN/falcon-infer" --target "$TARGET" --prompt hi --max-new-tokens 2 --json pipe >out & job=$!
            until grep -q memory out; do sleep 0.01; done
            kill -INT $job; sleep 0.8; kill -INT $job; wait $job
            """, in: folder.path)
        #expect(twice.status == 130, "\(twice)")
    }

    @Test func `a folder in which nothing was made is bound to nothing`() throws {
        try folder.write("{\"id\":\"a\",\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"}]}\n", to: "none.jsonl")
        let script = "\"$BIN/falcon-gen-data\" --target \"$TARGET\" --output out --quiet"
        let empty = try CommandRunner.shell("\(script) --dataset none.jsonl", in: folder.path)
        #expect(empty.status == 1 && empty.stderr.contains("of use"), "\(empty)")
        #expect(try !Fixtures.contents(of: folder.file("out")).contains("manifest.json"))
        // Killed before the first shard: whatever the manifest says, other settings may follow.
        let killed = try CommandRunner.shell(
            """
            \(script) --dataset '\(PipelineCommandTests.chats)' & job=$!
            until [ -s out/manifest.json ]; do sleep 0.01; done; kill -KILL $job; wait $job
            \(script) --dataset '\(PipelineCommandTests.chats)' --range 0:2 --max-length 64
            """, in: folder.path)
        #expect(killed.status == 0, "\(killed)")
        // Now something is in it.
        let bound = try CommandRunner.shell(
            "\(script) --dataset '\(PipelineCommandTests.chats)' --range 0:2 --max-length 32", in: folder.path)
        #expect(bound.status == 1 && bound.stderr.contains("made otherwise"), "\(bound)")
    }

    @Test func `a command that is stopped while it writes leaves nothing half-done`() throws {
        let run = try CommandRunner.shell(
            """
            "$BIN/falcon-inspect" features --target "$TARGET" --tokens $(seq -s, 1 900) --output f.safetensors & job=$!
            sleep 0.3; kill -INT $job; wait $job
            """, in: folder.path)
        // It may have been done already.
        #expect(run.status == 130 || run.status == 0, "\(run)")
        #expect(try folder.contents.allSatisfy { !$0.contains("partial") })
    }
}
