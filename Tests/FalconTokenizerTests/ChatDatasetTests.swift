import FalconTestSupport
import FalconTokenizer
import Testing

@Suite struct ChatDatasetTests {
    private func read(_ text: String) throws -> (dialogues: [Dialogue], problems: [String]) {
        try ChatDataset.parse(Array(text.utf8), path: "chats.json")
    }

    private func message(_ role: ChatRole, _ content: String) -> ChatMessage {
        ChatMessage(role: role, content: content)
    }

    @Test func `ShareGPT and messages, lists and lines, give the same dialogues`() throws {
        let shareGPT =
            #"{"id": "x", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#
        let messages =
            #"{"id": "x", "messages": [{"role": "user", "content": "a"}, "#
            + #"{"role": "assistant", "content": [{"type": "text", "text": "b"}]}]}"#
        let expected = [Dialogue(id: "x", messages: [message(.user, "a"), message(.assistant, "b")])]
        for text in [shareGPT, messages, "[\(shareGPT)]", "[\n\(messages)\n]\n", "\u{feff}\(shareGPT)\n\n"] {
            let (dialogues, problems) = try read(text)
            #expect(dialogues == expected, "\(text)")
            #expect(problems.isEmpty)
        }
        #expect(try read("\(shareGPT)\n\(messages)\r\n").dialogues == expected + expected)
        #expect(try read(shareGPT.replacingOccurrences(of: ", ", with: ",\n  ")).dialogues == expected)
    }

    @Test func `question sets have the user's turns only, and their categories`() throws {
        let (dialogues, _) = try read(
            #"{"question_id": 81, "category": "writing", "turns": ["one", "two"], "reference": ["", ""]}"#)
        #expect(
            dialogues == [
                Dialogue(id: "81", messages: [message(.user, "one"), message(.user, "two")], category: "writing")
            ])
        #expect(try read(#"{"prompt": "p"}"#).dialogues == [Dialogue(id: "row-0", messages: [message(.user, "p")])])
    }

    @Test func `a part that starts with an answer is read from the next question`() throws {
        let (dialogues, _) = try read(
            """
            {"conversations": [{"from": "system", "value": "s"}, {"from": "gpt", "value": "b"}, \
            {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]}
            """)
        #expect(dialogues.first?.messages == [message(.system, "s"), message(.user, "c"), message(.assistant, "d")])
    }

    @Test func `bad rows are named and left out, the others stay`() throws {
        let rows = [
            #"{"id": "good", "messages": [{"role": "user", "content": "a"}]}"#, "3", "null", #""text""#, "{}",
            #"{"id": "no-list", "conversations": "x"}"#, #"{"id": "empty", "messages": []}"#,
            #"{"id": "role", "messages": [{"role": "wizard", "content": "a"}]}"#,
            #"{"id": "text", "messages": [{"role": "user", "content": 3}]}"#, #"{"messages": [{"content": "a"}]}"#,
            #"{"messages": [7]}"#, #"{"turns": [1]}"#, #"{"turns": "x"}"#, #"{"prompt": {}}"#,
            #"{"id": "only", "messages": [{"role": "assistant", "content": "a"}]}"#,
            #"{"id": "system", "messages": [{"role": "system", "content": "a"}]}"#,
            #"{"id": "last", "prompt": "p"}"#,
        ]
        for text in ["[" + rows.joined(separator: ",") + "]", rows.joined(separator: "\n")] {
            let (dialogues, problems) = try read(text)
            #expect(dialogues.map(\.id) == ["good", "last"])
            #expect(problems.count == rows.count - 2)
            #expect(problems.contains { $0.contains("row 7 (") && $0.contains("id 'role')") && $0.contains("wizard") })
            #expect(problems.allSatisfy { !$0.contains("\n") })
        }
    }

    @Test func `a broken line is one problem`() throws {
        let (dialogues, problems) = try read("{\"prompt\": \"a\"}\n{\"prompt\": \n{\"prompt\": \"b\"}\n")
        #expect(dialogues.map(\.id) == ["row-0", "row-2"])
        #expect(problems.count == 1 && problems[0].hasPrefix("row 1 (line 2): is not JSON: column "))
    }

    @Test(arguments: ["", " \n", "hello", "{\"a\"", "[{\"prompt\": \"a\"}", "<html>\n<body>"])
    func `a file that is not JSON is one error`(text: String) {
        let error = #expect(throws: TokenizerError.self) { try read(text) }
        #expect(error?.description.hasPrefix("chats.json: ") == true)
    }

    @Test func `files that cannot be read are named`() throws {
        let folder = try TemporaryFolder()
        for path in [folder.path, folder.file("missing.json")] {
            let error = #expect(throws: TokenizerError.self) { try ChatDataset.read(path) }
            #expect(error?.source == path)
        }
        #expect(throws: TokenizerError.self) { try ChatDataset.parse([0x28, 0xb5, 0x2f, 0xfd, 0], path: "x.zst") }
    }

    @Test func `the shared data sets are read without a problem`() throws {
        guard let shared = Fixtures.sharedFolder(skipping: "shared data sets") else { return }
        for (file, count) in [
            ("sharegpt-small.json", 200), ("bench/mt_bench.jsonl", 80), ("bench/humaneval.jsonl", 80),
        ] {
            let (dialogues, problems) = try ChatDataset.read(shared + "/datasets/" + file)
            #expect(dialogues.count == count && problems.isEmpty, "\(file)")
        }
    }
}
