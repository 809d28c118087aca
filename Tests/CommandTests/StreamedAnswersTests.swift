import FalconJSON
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// `--stream`: answers, turns and questions apart, and nothing in them that a terminal obeys.
@Suite struct StreamedAnswersTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func shell(_ script: String) throws -> CommandRunner.Result {
        try CommandRunner.shell(script, in: folder.path)
    }

    @Test func `questions, turns and answers stand apart and in order, and the text is what files have`() throws {
        try folder.write(
            "{\"question_id\":\"a\",\"turns\":[\"What is 12 plus 7?\",\"And\\nthen?\"]}\n"
                + "{\"question_id\":2,\"turns\":[\"What is 3 plus 4?\"]}\n", to: "q.jsonl")
        let run = try shell(
            """
            "$BIN/falcon-infer" --target "$TARGET" --dataset q.jsonl --max-new-tokens 8 --stream --quiet --answers a
            """)
        let lines = try String(contentsOfFile: folder.file("a"), encoding: .utf8).split(separator: "\n")
        let turns = try lines.flatMap { line -> [String] in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            let choice = (object?["choices"] as? [[String: Any]])?.first
            #expect((choice?["finish_reasons"] as? [String])?.allSatisfy { $0 == "length" } == true)
            return choice?["turns"] as? [String] ?? []
        }
        #expect(turns.count == 3)
        let headings = [
            "--- a, turn 1 of 2\n> What is 12 plus 7?\n", "--- a, turn 2 of 2\n> And\n> then?\n",
            "--- 2, turn 1 of 1\n> What is 3 plus 4?\n",
        ]
        let expected = zip(headings, turns).map { $0 + $1 + ($1.hasSuffix("\n") ? "\n" : "\n\n") }.joined()
        #expect(run.status == 0 && run.stdout.hasPrefix(expected + "prompts "), "\(run)")
        #expect(run.stdout.contains("answers ended by"))

        let alone = try shell(
            "\"$BIN/falcon-infer\" --target \"$TARGET\" --prompt hi --max-new-tokens 4 --stream --json -")
        #expect(alone.stdout.hasSuffix("}\n") && alone.stdout.count { $0 == "\n" } == 1, "\(alone)")
        #expect(try JSONParser.parse(Array(alone.stdout.utf8))["generated_tokens"]?.integer == 4)
        #expect(alone.stderr.contains("A "), "\(alone)")
    }

    @Test(arguments: ["", "--draft lookup --tree chain:4", "--batch 3", "--draft lookup --tree chain:3 --batch 2"])
    func `a stop text ends every answer before it, drafted or not`(options: String) throws {
        let questions = (1...4).map { "{\"question_id\":\($0),\"turns\":[\"What is \($0) plus 7?\",\"And then?\"]}\n" }
        try folder.write(questions.joined(), to: "q.jsonl")
        func answers(_ options: String) throws -> [(text: String, reasons: [String])] {
            let run = try shell(
                """
                "$BIN/falcon-infer" --target "$TARGET" --dataset q.jsonl --max-new-tokens 24 --quiet --answers a \
                    --json figures \(options)
                """)
            #expect(run.status == 0, "\(run)")
            return try String(contentsOfFile: folder.file("a"), encoding: .utf8).split(separator: "\n").map { line in
                let choice = try JSONParser.parse(Array(line.utf8))["choices"]?.array?.first
                return (
                    choice?["turns"]?.array?.first?.string ?? "",
                    choice?["finish_reasons"]?.array?.compactMap(\.string) ?? []
                )
            }
        }
        let whole = try answers("")
        // Inside words, so that tokens go on behind it.
        let stop = String(try #require(whole.first).text.dropFirst(5).prefix(3))
        let cut = try answers(
            "\(options) --stop '\(stop)' --stop 'never said' \(options.contains("draft") ? "--baseline" : "")")
        for (whole, cut) in zip(whole, cut) {
            let end = whole.text.range(of: stop)?.lowerBound
            #expect(cut.text == String(whole.text[..<(end ?? whole.text.endIndex)]))
            #expect(cut.reasons.first == (end == nil ? whole.reasons.first : "stop_text"))
        }
        #expect(cut[0].reasons[0] == "stop_text")
        if options.contains("draft") {
            let figures = try JSONParser.parse(folder.bytes("figures"))
            #expect(figures["mismatched_tokens"]?.integer == 0)
        }
    }

    /// The embedded model with the rows of two tokens exchanged: it says the one where it would say the other.
    private func model(saying token: Int, for other: Int) throws -> String {
        let path = folder.file("model")
        try FileManager.default.copyItem(atPath: Fixtures.repository + "/Checkpoints/target", toPath: path)
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path + "/model.safetensors")))
        let count = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let header = try JSONParser.parse(Array(bytes[8..<8 + count]))
        let offset = try #require(header["model.embed_tokens.weight"]?["data_offsets"]?.array?.first?.integer)
        let (first, second, row) = (8 + count + offset + token * 256, 8 + count + offset + other * 256, 256)
        for index in 0..<row { bytes.swapAt(first + index, second + index) }
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/model.safetensors"))
        return path
    }

    private func ids(_ text: String) throws -> [Int] {
        let run = try CommandRunner.run(
            "falcon-inspect", ["tokenizer", "--target", PipelineCommandTests.target, "--text", text])
        return try JSONParser.parse(Array(run.stdout.utf8))["ids"]?.array?.compactMap(\.integer) ?? []
    }

    @Test func `escape codes in an answer are shown on a terminal and kept in files and pipes`() throws {
        let target = try model(saying: try #require(try ids("\u{1b}").first), for: try #require(try ids("A").first))
        let common = ["--target", target, "--prompt", "hi", "--max-new-tokens", "3", "--quiet"]
        let piped = try CommandRunner.run("falcon-infer", common)
        #expect(piped.stdout.hasPrefix("\u{1b}"), "\(piped)")
        for options in [[], ["--stream"]] {
            let terminal = try PseudoTerminal()
            let process = try terminal.start("falcon-infer", common + options)
            process.waitUntilExit()
            PseudoTerminal.wait { terminal.text.contains("peak memory") }
            terminal.close()
            #expect(terminal.text.hasPrefix("\\u{1b}") && !terminal.text.contains("\u{1b}"), "\(terminal.text)")
        }
    }

    @Test func `names from a data set are shown on a terminal, not obeyed`() throws {
        let nasty = "x\u{1b}[31m\u{9b}2J\u{202e}y\r"
        let rows = ["one", "two"].map { category in
            JSONSerialization.isValidJSONObject([nasty])
                ? ["question_id": nasty + category, "category": nasty + category, "turns": ["Say\u{1b}]0;t\u{7} hi"]]
                : [:]
        }
        let lines = try rows.map { String(decoding: try JSONSerialization.data(withJSONObject: $0), as: UTF8.self) }
        let path = try folder.write(lines.joined(separator: "\n"), to: "q.jsonl")
        let terminal = try PseudoTerminal()
        let process = try terminal.start(
            "falcon-infer",
            [
                "--target", PipelineCommandTests.target, "--dataset", path, "--max-new-tokens", "2", "--stream",
            ])
        process.waitUntilExit()
        PseudoTerminal.wait { terminal.text.contains("peak memory") }
        terminal.close()
        let controls = terminal.text.unicodeScalars.filter {
            ($0.properties.generalCategory == .control && $0 != "\n" && $0 != "\r" && $0 != "\t")
                || $0.properties.generalCategory == .format
        }
        #expect(controls.isEmpty && terminal.text.contains("\\u{1b}[31m\\u{9b}2J\\u{202e}y\\u{d}"), "\(terminal.text)")
        #expect(terminal.text.contains("> Say\\u{1b}]0;t\\u{7} hi"))
    }

    @Test func `each character that a terminal obeys is shown, however a text is cut`() {
        #expect(VisibleText.shown("a\tb\nc", keepsLines: true) == "a\tb\nc")
        #expect(VisibleText.shown("a\tb\nc", keepsLines: false) == #"a\u{9}b\u{a}c"#)
        #expect(
            VisibleText.shown("\u{1b}", keepsLines: true) + VisibleText.shown("[2J", keepsLines: true) == #"\u{1b}[2J"#)
        let family = "漢 \u{1f469}\u{200d}\u{1f467} "
        #expect(VisibleText.shown(family + "\u{0}\u{7f}", keepsLines: true) == family + #"\u{0}\u{7f}"#)
        for scalar in ["\r", "\u{8}", "\u{85}", "\u{9c}", "\u{ad}", "\u{200e}", "\u{2066}", "\u{2028}", "\u{feff}"] {
            #expect(VisibleText.shown("x\(scalar)", keepsLines: true).hasPrefix(#"x\u{"#))
            #expect(
                VisibleText.shownJSON("x\(scalar)").hasPrefix(#"x\u"#) && !VisibleText.shownJSON(scalar).contains("{"))
        }
        #expect(VisibleText.shownJSON("\u{e0041}") == #"\udb40\udc41"#)
    }
}
