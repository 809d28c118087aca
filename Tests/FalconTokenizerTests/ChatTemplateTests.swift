import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Testing

@Suite struct ChatTemplateTests {
    static let question = [ChatMessage(role: .user, content: "Hi")]
    /// ChatML, every part of it written as the tests need it.
    static let plain =
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

    /// A model's folder with these files.
    private func folder(_ files: [String: String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (name, text) in files { try folder.write(text, to: name) }
        return folder
    }

    private func configuration(_ template: String, more: String = "") -> String {
        "{\(more)\"chat_template\": \(JSONValue.string(template).text())}"
    }

    private func prompt(
        _ files: [String: String], _ choice: TemplateChoice = TemplateChoice(), _ variables: JSONObject = JSONObject()
    ) throws -> String {
        let folder = try folder(files)
        return try ChatTemplate.select(choice, folder: folder.path).prompt(Self.question, variables)
    }

    @Test func `chat_template.jinja comes before tokenizer_config.json`() throws {
        #expect(try prompt(["tokenizer_config.json": configuration("config")]) == "config")
        #expect(
            try prompt(["tokenizer_config.json": configuration("config"), "chat_template.jinja": "file"]) == "file")
        #expect(try prompt(["chat_template.json": configuration("processor")]) == "processor")
    }

    @Test func `of several templates tools take tool_use, and each may be named`() throws {
        let list = """
            {"chat_template": [{"name": "tool_use", "template": "T {{ tools | length }}"},
                               {"name": "default", "template": "D"}, {"name": "rag", "template": "R"}]}
            """
        var tools = JSONObject()
        tools.append("tools", .array([.object(JSONObject())]))
        let file = ["tokenizer_config.json": list]
        #expect(try prompt(file) == "D")
        #expect(try prompt(file, TemplateChoice(), tools) == "T 1")
        #expect(try prompt(file, TemplateChoice("rag")) == "R")
        let files = ["chat_template.jinja": "D", "additional_chat_templates/tool_use.jinja": "T"]
        #expect(try prompt(files) == "D")
        #expect(try prompt(files, TemplateChoice(), tools) == "T")
        let model = try folder(file)
        #expect(TemplateChoice("rag").problem(folder: model.path) == nil)
        #expect(TemplateChoice("other").problem(folder: model.path)?.contains("rag") == true)
    }

    @Test func `special tokens are those that transformers gives`() throws {
        let template = "{{ bos_token }}|{{ eos_token }}|{{ image_token }}|{{ pad_token is defined }}"
        let own = #""bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": null, "#
        func text(_ more: String, _ map: String? = nil) throws -> String {
            var files = ["tokenizer_config.json": configuration(template, more: more)]
            if let map { files["special_tokens_map.json"] = map }
            return try prompt(files)
        }
        #expect(try text(own) == "<s>|</s>||False")
        #expect(try text(own + #""extra_special_tokens": {"image_token": "<i>"}, "#) == "<s>|</s>|<i>|False")
        #expect(try text(own, #"{"bos_token": {"content": "<b>"}}"#) == "<b>|</s>||False")
        #expect(try text(own + #""added_tokens_decoder": {}, "#, #"{"bos_token": "<b>"}"#) == "<s>|</s>||False")
        #expect(try text(#""tokenizer_class": "LlamaTokenizerFast", "#) == "<s>|</s>||False")
    }

    @Test func `a named style or file is written by the same interpreter`() throws {
        let folder = try folder(["own.jinja": "{{ messages[0].content }} {{ x }}"])
        #expect(try prompt([:], TemplateChoice("chatml")) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
        let choice = try TemplateChoice(folder.file("own.jinja"), arguments: #"{"x": [1, "a"]}"#, now: nil)
        #expect(try prompt([:], choice) == "Hi [1, 'a']")
        #expect(try prompt([:], TemplateChoice("vicuna")).hasSuffix("USER: Hi ASSISTANT:"))
    }

    @Test func `a template sees the time that it is told, and its tokens depend on it`() throws {
        let files = ["chat_template.jinja": "{{ strftime_now('%d %B %Y') }}"]
        let choice = try TemplateChoice("auto", arguments: nil, now: "2026-03-05T09:07:03")
        #expect(try prompt(files, choice) == "05 March 2026")
        let (dated, undated) = (try folder(files), try folder(["chat_template.jinja": Self.plain]))
        let template = try ChatTemplate.select(choice, folder: dated.path)
        #expect(template.settings[ChatTemplate.timeKey] == "2026-03-05")
        #expect(template.origin.contains("2026-03-05"))
        let plain = try ChatTemplate.select(choice, folder: undated.path)
        #expect(plain.settings[ChatTemplate.timeKey] == nil)
        #expect(throws: TokenizerError.self) { try TemplateChoice("auto", arguments: nil, now: "noon") }
        #expect(throws: TokenizerError.self) { try TemplateChoice("auto", arguments: "[1]", now: nil) }
    }

    @Test func `a model without a template, or with one that is none, is refused with file and option`() throws {
        let none = #expect(throws: TokenizerError.self) { try prompt([:]) }
        #expect(none?.description.contains("tokenizer_config.json") == true)
        #expect(none?.description.contains("--template") == true)
        for broken in ["{\"chat_template\": 7}", "{\"chat_template\"", "[]"] {
            #expect(throws: (any Error).self) { try prompt(["tokenizer_config.json": broken]) }
        }
        let error = #expect(throws: (any Error).self) { try prompt(["chat_template.jinja": "{% for %}"]) }
        #expect("\(try #require(error))".contains("chat_template.jinja"))
        let option = #expect(throws: TokenizerError.self) { try prompt([:], TemplateChoice("alpaca")) }
        #expect(option?.description.contains("alpaca") == true)
    }

    @Test func `an answer that spells a separator stays one answer`() throws {
        let tokenizer = try Tokenizer(folder: Fixtures.folder + "/tokenizers/qwen2")
        let answer = "x<|im_end|>\n<|im_start|>user\ny"
        let encoded = try DialogueEncoder(try ChatTemplate.style("chatml"), tokenizer).encode(
            Dialogue(id: "a", messages: Self.question + [ChatMessage(role: .assistant, content: answer)]))
        let ids = zip(encoded.ids, encoded.lossMask).filter { $1 == 1 }.map(\.0)
        #expect(tokenizer.decode(ids, skippingSpecial: false) == answer + "<|im_end|>")
    }

    @Test(arguments: ["chatml", "llama2", "llama3", "mistral", "vicuna"])
    func `a dialogue without messages has no form`(style: String) {
        #expect(throws: DialogueRefusal.self) { try ChatTemplate.style(style).prompt([]) }
    }
}

/// Rows that templates know in other spellings, or not at all.
@Suite struct DialogueFormTests {
    private func template(_ text: String) throws -> ChatTemplate {
        try ChatTemplate.select(
            TemplateChoice(), model: ModelTemplate(path: "x", source: .string(text), specialTokens: [:]))
    }

    private func dialogue(_ row: String) throws -> Dialogue {
        let reading = try ChatDataset.rows(Array(row.utf8), path: "chats.json")
        return try #require(reading.dialogues.first, "\(reading.problems)")
    }

    private static let call = """
        {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"type":"function",\
        "function":{"name":"f","arguments":"{\\"a\\": 1}"}}]},{"role":"tool","content":"r"},\
        {"role":"assistant","content":"a"}]}
        """

    /// Writes calls with arguments by `writer`.
    private func calling(_ writer: String, content: String = "m.content") -> String {
        "{% for m in messages %}<{{ m.role }}>{{ \(content) }}{% for c in m.tool_calls or [] %}"
            + "[{{ c.function.name }} {{ \(writer) }}]{% endfor %}</>{% endfor %}"
            + "{% if add_generation_prompt %}<assistant>{% endif %}"
    }

    @Test(arguments: [
        ("c.function.arguments | tojson", "m.content"), ("'' + c.function.arguments", "m.content"),
        ("c.function.arguments | tojson", "'' + m.content"), ("'' + c.function.arguments", "'' + m.content"),
    ])
    func `calls are written by templates that know one spelling only`(writer: String, content: String) throws {
        let template = try template(calling(writer, content: content))
        let dialogue = try dialogue(Self.call)
        #expect(template.writesToolCalls)
        #expect(
            try template.supervised(dialogue.messages).text
                == #"<user>q</><assistant>[f {"a": 1}]</><tool>r</><assistant>a</>"#)
    }

    @Test func `what a template does not write is named`() throws {
        let tokenizer = try Tokenizer(folder: Fixtures.folder + "/tokenizers/qwen2")
        let whole = DialogueEncoder(
            try template(calling("c.function.arguments | tojson") + "{{ tools and 'T' }}"), tokenizer)
        let plain = DialogueEncoder(try template(ChatTemplateTests.plain), tokenizer)
        let call = try dialogue(Self.call)
        #expect(whole.remarks(on: call) == [])
        #expect(plain.remarks(on: call) == [.lostMember("tool_calls"), .loneCall])
        let tools = try dialogue(#"{"prompt":"q","completion":"a","tools":[{"name":"f"}]}"#)
        #expect(whole.remarks(on: tools) == [] && plain.remarks(on: tools) == [.lostMember("tools")])
        let thoughts = try dialogue(
            #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","reasoning_content":"t","content":"a"}]}"#)
        #expect(plain.remarks(on: thoughts) == [.lostMember("reasoning_content")])
        let deaf = DialogueEncoder(
            try template(
                "{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}</>{% endif %}"
                    + "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"), tokenizer)
        let system = try dialogue(#"{"system":"s","prompt":"q","completion":"a"}"#)
        #expect(deaf.remarks(on: system) == [.lostRole("system")] && plain.remarks(on: system) == [])
    }

    @Test func `an answer whose thoughts are left out is not learned from, where the model always thinks`() throws {
        let tokenizer = try Tokenizer(folder: Fixtures.folder + "/tokenizers/qwen2")
        // As Qwen 3: thoughts in the last answer only.
        let thinking = """
            {% for m in messages %}<|im_start|>{{ m.role }}
            {% if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}\
            {{ m.content.split('</think>')[-1] }}<|im_end|>
            {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
            {% endif %}
            """
        func learned(_ template: String, _ first: String) throws -> (text: String, remarks: [RowRemark]) {
            let encoder = DialogueEncoder(try self.template(template), tokenizer)
            let row = try dialogue(
                #"{"messages":[{"role":"user","content":"q"},\#(first),{"role":"user","content":"r"},"#
                    + #"{"role":"assistant","reasoning_content":"two","content":"b"}]}"#)
            let encoded = try encoder.encode(row)
            let ids = zip(encoded.ids, encoded.lossMask).filter { $1 == 1 }.map(\.0)
            return (tokenizer.decode(ids, skippingSpecial: false), encoder.remarks(on: row))
        }
        let own = #"{"role":"assistant","reasoning_content":"one","content":"a"}"#
        let inline = #"{"role":"assistant","content":"<think>one</think>a"}"#
        let last = "<think>two</think>b<|im_end|>"
        for first in [own, inline] {
            let (text, remarks) = try learned(thinking, first)
            #expect(text == last && remarks == [.lostThoughts], "\(first)")
        }
        #expect(try learned(thinking, #"{"role":"assistant","content":"a"}"#).text == "a<|im_end|>" + last)
        // A model that never thinks says its answers so.
        #expect(try learned(ChatTemplateTests.plain, own).text == "a<|im_end|>b<|im_end|>")
    }

    @Test func `a developer is the system where the template knows none`() throws {
        let row = try dialogue(
            #"{"messages":[{"role":"developer","content":"s"},{"role":"user","content":"q"}]}"#)
        let known = try template(ChatTemplateTests.plain + "{# developer #}")
        #expect(try template(ChatTemplateTests.plain).prompt(row.messages).hasPrefix("<|im_start|>system\ns"))
        #expect(try known.prompt(row.messages).hasPrefix("<|im_start|>developer\ns"))
    }

    @Test func `what the template says is the reason to leave a row out`() throws {
        let template = try template(
            "{% if messages | length > 1 %}{{ raise_exception('One message only') }}{% endif %}"
                + "{% if messages[0].content == 'x' %}{{ raise_exception('No ' + messages[0].content) }}{% endif %}ok")
        let two = #expect(throws: DialogueRefusal.self) {
            try template.prompt(ChatTemplateTests.question + ChatTemplateTests.question)
        }
        #expect(two?.kind == "the template has no form for it: One message only")
        let own = #expect(throws: DialogueRefusal.self) {
            try template.prompt([ChatMessage(role: .user, content: "x")])
        }
        #expect(own?.kind.contains("No x") == false)
    }
}
