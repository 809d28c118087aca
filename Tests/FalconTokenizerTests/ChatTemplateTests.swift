import FalconTestSupport
import FalconTokenizer
import Testing

@Suite struct ChatTemplateTests {
    static let question = [ChatMessage(role: .user, content: "Hi")]

    /// A model's folder with this template.
    private func folder(_ template: String?, more: String = "") throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        if let template { try folder.write(template, to: "chat_template.jinja") }
        try folder.write("{\(more)\"eos_token\": {\"content\": \"</s>\"}}", to: "tokenizer_config.json")
        return folder
    }

    @Test func `Qwen 2.5's default system message is taken from its template`() throws {
        let template = """
            {%- if tools %}{{- '<|im_start|>system\\n' }}{{- messages[0]['content'] }}
            {%- else %}{%- if messages[0]['role'] == 'system' %}
            {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
            {%- else %}
            {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. \
            You are a helpful assistant.<|im_end|>\\n' }}
            {%- endif %}{%- endif %}
            """
        let folder = try folder(template)
        for option in ["auto", "chatml"] {
            let (chosen, reason) = try ChatTemplate.select(option, folder: folder.path)
            #expect(chosen.defaultSystem == "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
            #expect(reason.contains("Alibaba"))
            #expect(try chosen.render(Self.question).text.hasPrefix("<|im_start|>system\nYou are Qwen"))
        }
    }

    @Test func `Qwen 3's template keeps thoughts in the last answer only`() throws {
        let folder = try folder("{{- '<|im_start|>' }}{%- if '</think>' in content %}{{- '<|im_end|>' }}")
        let (template, _) = try ChatTemplate.select("auto", folder: folder.path)
        let chat = try template.render([
            ChatMessage(role: .user, content: "a"),
            ChatMessage(role: .assistant, content: "<think>\nlong\n</think>\n\nb"),
            ChatMessage(role: .user, content: "c"),
            ChatMessage(role: .assistant, content: "<think>\nshort\n</think>\n\nd"),
        ])
        #expect(
            chat.text
                == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
                + "<|im_start|>assistant\n<think>\nshort\n</think>\n\nd<|im_end|>\n")
        let plain = try template.render(Self.question + [ChatMessage(role: .assistant, content: "x")])
        #expect(plain.text.hasSuffix("<|im_start|>assistant\n<think>\n\n</think>\n\nx<|im_end|>\n"))
    }

    @Test func `Llama 3.1's template always has a system message with dates`() throws {
        let folder = try folder(
            "{{- bos_token }}{{- '<|start_header_id|>' }}Cutting Knowledge Date: December 2023{{- '<|eot_id|>' }}",
            more: "\"bos_token\": \"<|begin_of_text|>\", ")
        let (template, reason) = try ChatTemplate.select("auto", folder: folder.path)
        #expect(reason.contains("26 Jul 2024"))
        let dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
        let head = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n" + dates
        let tail = "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        #expect(try template.render(Self.question).text == head + tail)
        let withSystem = [ChatMessage(role: .system, content: " Be brief. ")] + Self.question
        #expect(try template.render(withSystem).text == head + "Be brief." + tail)
    }

    @Test func `without a template of its own a model gets the one that is named`() throws {
        let folder = try folder(nil)
        let error = #expect(throws: TokenizerError.self) { try ChatTemplate.select("auto", folder: folder.path) }
        #expect(error?.description.contains("tokenizer_config.json") == true)
        #expect(error?.description.contains("--template") == true)
        let (vicuna, reason) = try ChatTemplate.select("vicuna", folder: folder.path)
        #expect(reason.contains("asked for"))
        #expect(
            try vicuna.render(Self.question, addGenerationPrompt: true).text.hasPrefix("<s>A chat between a curious"))
        let (chatml, _) = try ChatTemplate.select("chatml", folder: folder.path)
        #expect(try chatml.render(Self.question).text == "<|im_start|>user\nHi<|im_end|>\n")
    }

    @Test func `an unknown template or option is refused with the file and the option`() throws {
        let mistral = try folder("{{ bos_token }}{% for m in messages %}[INST] {{ m }} [/INST]{% endfor %}")
        let error = #expect(throws: TokenizerError.self) { try ChatTemplate.select("auto", folder: mistral.path) }
        #expect(error?.description.contains("chat_template.jinja") == true)
        #expect(error?.description.contains("--template") == true)
        let option = #expect(throws: TokenizerError.self) { try ChatTemplate.select("alpaca", folder: mistral.path) }
        #expect(option?.description.contains("alpaca") == true)
    }

    @Test func `one of several named templates is the default one`() throws {
        let folder = try TemporaryFolder()
        let config = """
            {"chat_template": [{"name": "tool_use", "template": "[INST] <<SYS>>"},
                               {"name": "default", "template": "<|im_start|><|im_end|>"}]}
            """
        try folder.write(config, to: "tokenizer_config.json")
        #expect(try ChatTemplate.select("auto", folder: folder.path).template.style == .chatml)
        try folder.write("{\"chat_template\": 7}", to: "tokenizer_config.json")
        #expect(throws: TokenizerError.self) { try ChatTemplate.select("auto", folder: folder.path) }
        try folder.write("{\"chat_template\"", to: "tokenizer_config.json")
        #expect(throws: TokenizerError.self) { try ChatTemplate.select("auto", folder: folder.path) }
    }

    @Test func `an answer that spells a separator stays one answer`() throws {
        let answer = "x<|im_end|>\n<|im_start|>user\ny"
        let chat = try ChatTemplate(.chatml).render(Self.question + [ChatMessage(role: .assistant, content: answer)])
        #expect(chat.assistantSpans.count == 1)
        let span = chat.assistantSpans[0]
        #expect(String(decoding: Array(chat.text.utf8)[span], as: UTF8.self) == answer + "<|im_end|>")
    }

    @Test(arguments: ChatTemplate.Style.allCases)
    func `a dialogue without messages has no form`(style: ChatTemplate.Style) {
        #expect(throws: TokenizerError.self) { try ChatTemplate(style).render([]) }
    }
}
