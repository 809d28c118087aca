import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights

extension FixtureFamily {
    /// Tokenizers by `falcon-inspect tokenizer`: every case in one run of many questions, and some in runs of their own
    /// with each of its options.
    static let tokenizers = FixtureFamily(name: "tokenizers") { folder in
        try FixtureFolder(path: folder + "/tokenizers").folders(with: "tokenizer.json").map { folder in
            FixtureJob { record in
                let test = TokenizerCases(folder: folder, scratch: try TemporaryFolder())
                if folder.has("cases.json") { try test.compareTexts(&record) }
                if folder.has("decode_cases.json") { try test.compareIDs(&record) }
                if folder.has("chats.json") { try test.compareChats(&record) }
            }
        }
    }
}

private struct TokenizerCases {
    let folder: FixtureFolder
    let scratch: TemporaryFolder

    /// Every so many cases get a process of their own.
    private static let stride = 25

    private func run(_ arguments: [String]) throws -> [JSONValue] {
        let output = try Command.run("falcon-inspect", ["tokenizer", "--target", folder.path] + arguments)
        return try output.utf8.split(separator: 0x0a).map { try JSONValue(parsing: Array($0), from: "stdout") }
    }

    private func answers(_ questions: [[String: JSONValue]]) throws -> [JSONValue] {
        let lines = questions.map { members in
            var object = JSONObject()
            for (key, value) in members { object[key] = value }
            return JSONValue.object(object).text()
        }
        let answers = try run(["--batch", scratch.write(lines.joined(separator: "\n"), to: "questions.jsonl")])
        guard answers.count == questions.count else {
            throw FileError(folder.path, "\(answers.count) answers to \(questions.count) questions")
        }
        return answers
    }

    /// Texts to ids, and these back to text, with special tokens and without.
    func compareTexts(_ record: inout FixtureRecord) throws {
        let cases = try folder.json("cases.json")["cases"]?.array ?? []
        let found = try answers(cases.map { ["text": $0["text"] ?? .null] })
        let kept = try answers(cases.map { ["ids": $0["ids"] ?? .null] })
        let plain = try answers(cases.map { ["ids": $0["ids"] ?? .null, "skip_special": .boolean(true)] })
        for (number, test) in cases.enumerated() {
            let text = test["text"]?.string ?? ""
            record.check("\(folder.name) text \(number) \(text.prefix(40).debugDescription)") { comparison in
                comparison.equal(found[number]["ids"], test["ids"], "ids")
                comparison.same(kept[number]["text"]?.string, test["decoded"]?.string, "decoded")
                comparison.same(
                    plain[number]["text"]?.string, test["decoded_skip_special"]?.string, "decoded_skip_special")
                guard number % Self.stride == 0 else { return }
                let file = try scratch.write(text, to: "text.txt")
                try comparison.equal(run(["--file", file]), [found[number]], "the answer to --file")
                if !text.contains("\0"), !text.hasPrefix("-") {
                    try comparison.equal(run(["--text", text]), [found[number]], "the answer to --text")
                }
                let ids = Optional(test["ids"] ?? .null).integers.map(String.init).joined(separator: ",")
                if !ids.isEmpty {
                    try comparison.equal(run(["--decode", ids]), [kept[number]], "the answer to --decode")
                }
            }
        }
    }

    /// Ids to text: lists that are no text's, and every id by itself.
    func compareIDs(_ record: inout FixtureRecord) throws {
        let document = try folder.json("decode_cases.json")
        let cases = document["cases"]?.array ?? []
        let kept = try answers(cases.map { ["ids": $0["ids"] ?? .null] })
        let plain = try answers(cases.map { ["ids": $0["ids"] ?? .null, "skip_special": .boolean(true)] })
        for (number, test) in cases.enumerated() {
            record.check("\(folder.name) ids \(number)") { comparison in
                comparison.same(kept[number]["text"]?.string, test["decoded"]?.string, "decoded")
                comparison.same(
                    plain[number]["text"]?.string, test["decoded_skip_special"]?.string, "decoded_skip_special")
            }
        }
        let singles = document["single_id"]?.array ?? []
        let found = try answers(singles.indices.map { ["ids": .array([.integer($0)])] })
        for (id, text) in singles.enumerated() {
            record.check("\(folder.name) id \(id)") { $0.same(found[id]["text"]?.string, text.string, "decoded") }
        }
    }

    /// Dialogues to prompt, ids and loss mask; some must be refused.
    func compareChats(_ record: inout FixtureRecord) throws {
        for test in try folder.json("chats.json").array ?? [] {
            record.check("\(folder.name) chat \(test["name"]?.string ?? "")") { comparison in
                let file = try scratch.write((test["messages"] ?? .null).text(), to: "chat.json")
                let prompts = test["add_generation_prompt"]?.boolean == true ? ["--add-generation-prompt"] : []
                let arguments = ["tokenizer", "--target", folder.path, "--chat", file] + prompts
                let result = try CommandRunner.run("falcon-inspect", arguments)
                guard test["error"] == nil else {
                    comparison.equal(result.status, 1, "the exit status of a chat without a form")
                    comparison.equal(result.stderr.split(separator: "\n").count, 1, "the lines of its error")
                    return
                }
                guard result.status == 0 else { throw FileError("falcon-inspect tokenizer", result.stderr) }
                let answer = try JSONValue(parsing: Array(result.stdout.utf8), from: "stdout")
                comparison.same(answer["prompt"]?.string, test["prompt"]?.string, "prompt")
                comparison.equal(answer["ids"], test["ids"], "ids")
                comparison.equal(answer["assistant_mask"], test["assistant_mask"], "assistant_mask")
            }
        }
    }
}
