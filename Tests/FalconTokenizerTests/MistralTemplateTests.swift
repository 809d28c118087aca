import FalconTestSupport
import FalconTokenizer
import Testing

/// Templates as Mistral published them with its models, but for their messages to callers.
@Suite struct MistralTemplateTests {
    /// Mistral-7B-Instruct-v0.1 and v0.2 as first published; `behind` is what v0.1 writes behind an answer.
    static func first(behind: String) -> String {
        "{{ bos_token }}{% for message in messages %}"
            + "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
            + "{{ raise_exception('alternate!') }}{% endif %}"
            + "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
            + "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token\(behind) }}"
            + "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
    }

    /// Mistral-7B-Instruct-v0.2 as it is now, and v0.3 and Nemo without their tools.
    static func later(open: String, close: String, answer: String, at place: String) -> String {
        """
        {%- if messages[0]["role"] == "system" %}
            {%- set system_message = messages[0]["content"] %}
            {%- set loop_messages = messages[1:] %}
        {%- else %}
            {%- set loop_messages = messages %}
        {%- endif %}

        {{- bos_token }}
        {%- for message in loop_messages %}
            {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
                {{- raise_exception('After the optional system message, roles must alternate user/assistant/...') }}
            {%- endif %}
            {%- if message["role"] == "user" %}
                {%- if \(place) and system_message is defined %}
                    {{- "\(open)" + system_message + "\\n\\n" + message["content"] + "\(close)" }}
                {%- else %}
                    {{- "\(open)" + message["content"] + "\(close)" }}
                {%- endif %}
            {%- elif message["role"] == "assistant" %}
                {{- \(answer) }}
            {%- else %}
                {{- raise_exception("Only user and assistant roles are supported!") }}
            {%- endif %}
        {%- endfor %}

        """
    }

    static let system = ChatMessage(role: .system, content: "S")
    static let dialogue = [
        ChatMessage(role: .user, content: "u1"), ChatMessage(role: .assistant, content: "a1 "),
        ChatMessage(role: .user, content: " u2"),
    ]

    private func select(_ template: String) throws -> (template: ChatTemplate, reason: String) {
        let folder = try TemporaryFolder()
        try folder.write(template, to: "chat_template.jinja")
        try folder.write(#"{"bos_token": "<s>", "eos_token": "</s>"}"#, to: "tokenizer_config.json")
        return try ChatTemplate.select("auto", folder: folder.path)
    }

    @Test(
        arguments: [
            (first(behind: " + ' '"), "<s>[INST] u1 [/INST]a1 </s> [INST]  u2 [/INST]", nil),
            (first(behind: ""), "<s>[INST] u1 [/INST]a1 </s>[INST]  u2 [/INST]", nil),
            (
                later(
                    open: " [INST] ", close: " [/INST]", answer: #"" " + message["content"] + eos_token"#,
                    at: "loop.first"),
                "<s> [INST] u1 [/INST] a1 </s> [INST]  u2 [/INST]",
                "<s> [INST] S\n\nu1 [/INST] a1 </s> [INST]  u2 [/INST]"
            ),
            (
                later(
                    open: "[INST] ", close: "[/INST]", answer: #"" " + message["content"]|trim + eos_token"#,
                    at: "loop.last"),
                "<s>[INST] u1[/INST] a1</s>[INST]  u2[/INST]", "<s>[INST] u1[/INST] a1</s>[INST] S\n\n u2[/INST]"
            ),
            (
                later(
                    open: "[INST]", close: "[/INST]", answer: #"message["content"] + eos_token"#,
                    at: "loop.last"),
                "<s>[INST]u1[/INST]a1 </s>[INST] u2[/INST]", "<s>[INST]u1[/INST]a1 </s>[INST]S\n\n u2[/INST]"
            ),
        ] as [(String, String, String?)])
    func `each version is written in its own spaces`(template: String, plain: String, withSystem: String?) throws {
        let (chosen, reason) = try select(template)
        #expect(chosen.style == .mistral)
        #expect(reason.hasPrefix("mistral: ") && reason.contains("without '<<SYS>>'") && reason.contains("[/INST]"))
        let chat = try chosen.render(Self.dialogue, addGenerationPrompt: true)
        #expect(chat.text == plain)
        #expect(chat.assistantSpans.count == 1)
        let span = String(decoding: Array(chat.text.utf8)[chat.assistantSpans[0]], as: UTF8.self)
        #expect(span.hasSuffix("</s>") && span.contains("a1"))
        if let withSystem {
            #expect(try chosen.render([Self.system] + Self.dialogue).text == withSystem)
        } else {
            #expect(throws: TokenizerError.self) { try chosen.render([Self.system] + Self.dialogue) }
        }
        #expect(throws: TokenizerError.self) { try chosen.render([Self.dialogue[1]]) }
    }

    @Test(arguments: [
        // Text outside of tags, other code in an answer, a system message of another kind.
        "{{ bos_token }} {{ '[INST] ' + content + ' [/INST]' }}{{ content + eos_token }}",
        "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ clean(message['content']) + eos_token }}",
        "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ '[SYSTEM_PROMPT]' }}{{ message['content'] + eos_token }}",
        "{{ '[INST] ' + message['content'] + ' [/INST]' }}", "{{ '[INST]", "{{-}}{{}}[INST]", "{%[INST]%}{#",
    ])
    func `a template that is nearly one is refused`(template: String) {
        let error = #expect(throws: TokenizerError.self) { try select(template) }
        #expect(error?.description.contains("--template") == true)
    }

    @Test func `named without a template of its own it is written as documented`() throws {
        let folder = try TemporaryFolder()
        let (chosen, _) = try ChatTemplate.select("mistral", folder: folder.path)
        #expect(try chosen.render(Self.dialogue).text == "<s>[INST] u1 [/INST] a1 </s>[INST]  u2 [/INST]")
    }
}
