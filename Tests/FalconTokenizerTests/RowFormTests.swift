import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Testing

/// The forms of rows that people have.
@Suite struct RowFormTests {
    private func read(_ row: String) throws -> (dialogues: [Dialogue], problems: [RowProblem], notes: [String]) {
        let reading = try ChatDataset.rows(Array(row.utf8), path: "chats.json")
        return (reading.dialogues, reading.problems, reading.notes(of: reading.dialogues))
    }

    /// "role: content" of each message, joined.
    private func words(_ row: String) throws -> String {
        let (dialogues, problems, _) = try read(row)
        #expect(problems.isEmpty, "\(problems)")
        return try #require(dialogues.first).messages.map { "\($0.role): \($0.content)" }.joined(separator: " | ")
    }

    @Test(arguments: [
        #"{"prompt":"q","completion":"a"}"#, #"{"prompt":"q","response":"a"}"#, #"{"prompt":"q","chosen":"a"}"#,
        #"{"question":"q","answer":"a"}"#, #"{"instruction":"q","output":"a"}"#, #"{"input":"q","output":"a"}"#,
        #"{"instruction":"q","input":"","output":"a"}"#, #"{"query":"q","response":"a"}"#,
        #"{"problem":"q","answer":"a"}"#, #"{"prompt":"q","completion":"a","messages":null}"#,
        #"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]}"#,
        #"{"prompt":[{"role":"user","content":"q"}],"completion":{"role":"assistant","content":"a"}}"#,
        #"{"conversations":null,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#,
        #"{"conversations":[],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#,
        #"{"conversation":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#,
        #"{"messages":"[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]"}"#,
        #"{"messages":["q","a"]}"#, #"{"messages":[{"role":"prompter","text":"q"},{"role":"ai","text":"a"}]}"#,
        #"{"turns":[{"role":"User","content":"q"},{"role":"bot","content":"a"}]}"#,
        #"{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"model","content":["a"]}]}"#,
        #"{"prompt":"q","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[]}"#,
        #"{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[]}"#,
    ])
    func `a question and its answer`(row: String) throws {
        #expect(try words(row) == "user: q | assistant: a")
    }

    @Test func `Alpaca's input stands below the instruction, and its history before`() throws {
        #expect(
            try words(#"{"instruction":"Add.","input":"2 2","output":"4"}"#) == "user: Add.\n2 2 | assistant: 4")
        #expect(
            try words(#"{"instruction":"c","input":"","output":"d","history":[["a","b"]]}"#)
                == "user: a | assistant: b | user: c | assistant: d")
    }

    @Test func `roles under their other names`() throws {
        let row = """
            {"messages":[{"role":"developer","content":"s"},{"role":"human","content":"q"},\
            {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},\
            {"role":"ipython","content":"r"},{"role":"assistant","content":"a"}]}
            """
        #expect(try words(row) == "developer: s | user: q | assistant:  | tool: r | assistant: a")
    }

    @Test func `a function call of ShareGPT is a call of a tool`() throws {
        let row = """
            {"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\\"name\\":\\"f\\"}"},\
            {"from":"observation","value":"r"},{"from":"gpt","value":"a"}]}
            """
        let message = try #require(read(row).dialogues.first?.messages[1])
        #expect(message.role == .assistant && message.content.isEmpty)
        #expect(message.toolCalls.first?["function"]?["name"]?.string == "f")
        let text = try read(row.replacingOccurrences(of: #"{\"name\":\"f\"}"#, with: "call f"))
        #expect(text.dialogues.first?.messages[1].content == "call f")
        #expect(text.notes == ["1 row, 'row-0': a function call that is no JSON is read as text"])
    }

    @Test func `every member of a message is kept, in order`() throws {
        let (dialogues, _, _) = try read(
            #"{"messages":[{"from":"user","value":"q","name":"n"},{"role":"assistant","reasoning_content":"t","#
                + #""content":"a","weight":1}],"tools":"[{\"name\":\"f\"}]","chat_template_kwargs":{"x":1}}"#)
        let dialogue = try #require(dialogues.first)
        #expect(dialogue.messages[0].fields.keys == ["role", "content", "name"])
        #expect(dialogue.messages[1].fields.keys == ["role", "content", "reasoning_content"])
        #expect(dialogue.variables["tools"]?.array?.count == 1 && dialogue.variables["x"]?.integer == 1)
    }

    @Test(arguments: [
        (#"{"system":"s","conversations":[{"from":"human","value":"q"}]}"#, "the column 'system'"),
        (#"{"system_prompt":"s","prompt":"q"}"#, "the column 'system_prompt'"),
        (
            #"{"system":"s","messages":[{"role":"system","content":"t"},{"role":"user","content":"q"}]}"#,
            "another system message"
        ),
        (#"{"prompt":"q","completion":"a","weight":0}"#, "weight 0"),
        (#"{"prompt":"q","completion":"a","train":false}"#, "weight 0"),
        (#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","loss":0}]}"#, "weight 0"),
        (
            #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0.5}]}"#,
            "count as 1"
        ),
        (#"{"prompt":"q","completion":"a","label":false}"#, "label is false"),
        (#"{"prompt":"q","completion":" \n"}"#, "an empty answer"),
        (#"{"messages":[{"role":"assistant","content":"hi"},{"role":"user","content":"q"}]}"#, "a greeting"),
        (#"{"prompt":"q","chosen":"a","rejected":"b"}"#, "'chosen' is read"),
        (#"{"prompt":"q","candidates":["a","b"]}"#, "the first of 'candidates'"),
        (#"{"prompt":"q","completion":"a","source":"x","score":3,"empty":[]}"#, "not read: 'source', 'score'"),
        (#"{"messages":[{"role":"user","content":"q","lang":"de"}]}"#, "not read: 'messages: lang'"),
        (
            #"{"conversations":[{"from":"human","value":"p"}],"messages":[{"role":"user","content":"q"}]}"#,
            "'conversations' is read"
        ),
    ])
    func `what is read otherwise than it may seem is said`(row: String, note: String) throws {
        let (dialogues, problems, notes) = try read(row)
        #expect(dialogues.count == 1 && problems.isEmpty)
        #expect(notes.count == 1 && notes[0].contains(note), "\(notes)")
    }

    @Test func `plain rows are remarked on by nothing`() throws {
        let rows = [
            #"{"id":"x","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}"#,
            #"{"question_id":1,"category":"math","turns":["q"],"reference":["a"]}"#,
            #"{"system":"","prompt":"q","completion":"a","weight":1,"tools":[]}"#,
            #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":1,"name":null}]}"#,
        ]
        for row in rows { #expect(try read(row).notes == [], "\(row)") }
    }

    @Test(arguments: [
        (
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
            "a message has a part of the type 'image_url', which is no text"
        ),
        (#"{"image":"x.png","prompt":"q"}"#, "has the column 'image', which is no text"),
        (#"{"prompt":"q","completion":"a","weight":"high"}"#, "its 'weight' is no number, true or false"),
        (#"{"row":3,"id":"x","skipped":"its question leaves no room"}"#, "was left out when it was answered"),
        (#"{"text":"raw"}"#, "has no 'conversations', 'messages', 'turns', 'prompt' or 'input_ids'"),
        (#"{"prompt":"q","answer":{"start":3}}"#, "'answer' is no answer"),
        (
            #"{"input_ids":[1,2],"labels":[-100,3]}"#,
            "'labels' is not its 'input_ids' with some of them replaced by -100"
        ),
    ])
    func `what cannot be read is left out by its kind`(row: String, kind: String) throws {
        let (dialogues, problems, _) = try read(row)
        #expect(dialogues.isEmpty && problems.map(\.kind) == [kind])
    }

    @Test func `tokens with the masks of other tools`() throws {
        for row in [
            #"{"input_ids":[5,6,7],"loss_mask":[0,1,1]}"#, #"{"input_ids":[5,6,7],"labels":[-100,6,7]}"#,
            #"{"input_ids":[5,6,7],"assistant_masks":[0,1,1],"attention_mask":[1,1,1]}"#,
            #"{"input_ids":[5,6,7],"completion_mask":[false,true,true]}"#,
        ] {
            let (dialogues, _, notes) = try read(row)
            #expect(dialogues.first?.tokenized?.lossMask == [0, 1, 1] && notes.isEmpty, "\(row)")
        }
    }
}

/// Files that are no data set.
@Suite struct ForeignFileTests {
    @Test(arguments: [
        ("PAR1....", "Parquet"), ("GGUF\u{3}", "GGUF"), ("BZh91AY", "bzip2"), ("<!DOCTYPE html><html>", "web page"),
        ("\n<html>", "web page"), ("<?xml version", "web page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        ("prompt,completion\n\"a, b\",c\n", "CSV"), ("prompt\tcompletion\na\tb\n", "tabs"),
    ])
    func `text marks`(content: String, word: String) {
        let error = #expect(throws: TokenizerError.self) { try ChatDataset.rows(Array(content.utf8), path: "x") }
        #expect(error?.problem.contains(word) == true, "\(error?.problem ?? "")")
    }

    @Test(
        arguments: [
            ([0x1f, 0x8b, 8, 0], "gzip -d"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz -d"),
            ([0x28, 0xb5, 0x2f, 0xfd, 0], "zstd"), ([0x50, 0x4b, 3, 4], "zip"), ([0x89, 0x48, 0x44, 0x46], "HDF5"),
            ([0x40, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22], "safetensors"), ([0xff, 0xfe, 0x7b, 0], "UTF-16"),
        ] as [([UInt8], String)])
    func `binary marks`(content: [UInt8], word: String) {
        let error = #expect(throws: TokenizerError.self) { try ChatDataset.rows(content, path: "x") }
        #expect(error?.problem.contains(word) == true, "\(error?.problem ?? "")")
    }

    @Test func `names of the hub are taken for such, paths are not`() {
        for name in ["HuggingFaceH4/ultrachat_200k", "gsm8k"] {
            #expect(ForeignFile.missing(name).contains("hf download --repo-type dataset \(name)"))
        }
        for path in ["chats.jsonl", "/data/chats", "./chats/x", "a/b/c", "data/chats.parquet"] {
            #expect(ForeignFile.missing(path) == "no such file")
        }
    }
}
