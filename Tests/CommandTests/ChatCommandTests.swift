import FalconJSON
import FalconTestSupport
import Foundation
import Testing

/// `falcon-infer --chat`: a conversation by lines of standard input.
@Suite struct ChatCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The answers to a dialogue's turns.
    private func answers(_ turns: [String]) throws -> [String] {
        let list = JSONValue.array(turns.map { .string($0) }).text()
        try folder.write("{\"question_id\": 1, \"turns\": \(list)}\n", to: "q.jsonl")
        let run = try CommandRunner.run(
            "falcon-infer",
            [
                "--target", ServedProcess.target, "--dataset", folder.file("q.jsonl"), "--max-new-tokens", "20",
                "--answers", "-",
            ])
        let choice = try JSONParser.parse(Array(run.stdout.utf8))["choices"]?.array?.first
        return choice?["turns"]?.array?.compactMap(\.string) ?? []
    }

    private func chat(_ lines: [String], _ options: String = "") throws -> CommandRunner.Result {
        try folder.write(lines.joined(separator: "\n") + "\n", to: "lines")
        return try CommandRunner.shell(
            "\"$BIN/falcon-infer\" --target \"$TARGET\" --chat --max-new-tokens 20 \(options) <lines", in: folder.path)
    }

    @Test func `turns are those of a dialogue, and a reset forgets them`() throws {
        let questions = ["What is 12 plus 7?", "And twice that?"]
        let expected = try answers(questions)
        #expect(expected.count == 2)
        let text = (expected + [expected[0]]).map { $0 + "\n" }.joined()
        for options in ["", "--draft lookup --tree chain:4"] {
            let run = try chat(["", questions[0], questions[1], "/reset", questions[0], "/quit", "What?"], options)
            #expect(run.status == 0 && run.stdout == text, "\(run)")
        }
        // The end of the input ends it, too.
        let run = try chat([questions[0]], "--quiet")
        #expect(run.status == 0 && run.stdout == expected[0] + "\n" && run.stderr.split(separator: "\n").count < 2)
    }

    @Test func `instructions count, figures are told, and what goes wrong leaves the conversation as it was`() throws {
        let question = "What is 12 plus 7?"
        let given = try chat([question], "--system 'Be brief.'")
        let told = try chat(["/system Be brief.", question, "/stats", "/help", "/wrong"])
        #expect(told.stdout.hasPrefix(given.stdout) && given.status == 0 && told.status == 0, "\(told)")
        let rest = told.stdout.dropFirst(given.stdout.count)
        #expect(rest.contains("conversation: 1 turn, ") && rest.contains(" of 2048 tokens") && rest.contains("/reset"))
        #expect(told.stderr.contains("/wrong: no such command"))
        let long = try chat([String(repeating: "word ", count: 2100), question])
        #expect(try long.status == 0 && long.stdout == answers([question])[0] + "\n", "\(long)")
        #expect(long.stderr.contains("2048") && long.stderr.contains("/reset"))
        // Beginnings of earlier turns are kept.
        let kept = try chat([String(repeating: "word ", count: 100), "/stats"])
        #expect(kept.stdout.contains("kept for the next turn: ") && !kept.stdout.contains("turn: 0 pages"), "\(kept)")
    }

    @Test func `Ctrl-C breaks off an answer and keeps the conversation`() throws {
        let run = try CommandRunner.shell(
            """
            mkfifo in
            "$BIN/falcon-infer" --target "$TARGET" --chat --max-new-tokens 1900 --temperature 2 <in >out 2>err & job=$!
            exec 3>in
            echo "Tell me a long story." >&3
            until [ -s out ]; do sleep 0.01; done
            kill -INT $job
            echo "/stats" >&3
            until grep -q conversation out; do sleep 0.01; done
            echo "And then?" >&3
            echo "/quit" >&3
            exec 3>&-
            wait $job
            """, in: folder.path)
        let text = String(decoding: try folder.bytes("out"), as: UTF8.self)
        #expect(run.status == 0 && text.contains("conversation: 1 turn, "), "\(run)")
    }

    @Test(arguments: ["--limit 2", "--baseline", "--answers a", "--stream", "--prompt hi", "--json x", "--batch 2"])
    func `options of other work are refused`(option: String) throws {
        let run = try chat([], option)
        #expect(run.status == 64 && run.stdout.isEmpty, "\(run)")
        #expect(run.stderr.contains(option.split(separator: " ")[0]), "\(run)")
        let alone = try CommandRunner.run(
            "falcon-infer", ["--target", ServedProcess.target, "--prompt", "hi", "--system", "x"])
        #expect(alone.status == 64 && alone.stderr.contains("--system"))
    }
}
