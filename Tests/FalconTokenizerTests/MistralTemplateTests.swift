import FalconTemplates
import FalconTensor
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

    private func select(_ template: String) throws -> ChatTemplate {
        let folder = try TemporaryFolder()
        try folder.write(template, to: "chat_template.jinja")
        try folder.write(#"{"bos_token": "<s>", "eos_token": "</s>"}"#, to: "tokenizer_config.json")
        return try ChatTemplate.select(TemplateChoice(), folder: folder.path)
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
        let chosen = try select(template)
        #expect(chosen.endOfTurn == "</s>")
        #expect(try chosen.prompt(Self.dialogue) == plain)
        let chat = try chosen.supervised(Array(Self.dialogue.prefix(2)))
        guard case .known(let spans) = chat.spans else { throw FileError("template", "tells no answers") }
        let span = String(decoding: Array(chat.text.utf8)[try #require(spans.first).range], as: UTF8.self)
        #expect(spans.count == 1 && span.hasSuffix("</s>") && span.contains("a1"))
        if let withSystem {
            #expect(try chosen.prompt([Self.system] + Self.dialogue) == withSystem)
        } else {
            #expect(throws: DialogueRefusal.self) { try chosen.prompt([Self.system] + Self.dialogue) }
        }
        #expect(throws: DialogueRefusal.self) { try chosen.prompt([Self.dialogue[1]]) }
    }

    @Test func `named without a template of its own it is written as documented`() throws {
        let chosen = try ChatTemplate.style("mistral")
        #expect(try chosen.prompt(Self.dialogue) == "<s>[INST] u1 [/INST] a1 </s>[INST]  u2 [/INST]")
    }
}
