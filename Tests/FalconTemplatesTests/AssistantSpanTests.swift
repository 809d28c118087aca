import FalconJSON
import Testing

@testable import FalconTemplates

private func message(_ role: String, _ content: String, _ more: [String: JSONValue] = [:]) -> JSONValue {
    var object = JSONObject()
    object.append("role", .string(role))
    object.append("content", .string(content))
    for (key, value) in more { object.append(key, value) }
    return .object(object)
}

/// What the template makes the assistant say, and the supervised part of it; the reason where it cannot be told.
private func said(_ template: String, _ messages: [JSONValue]) throws -> (spans: [String], supervised: [String]) {
    let context = TemplateContext(messages: messages, specialTokens: ["eos_token": "</s>"])
    let result = try ChatTemplateProgram(template, name: "example").assistantSpans(context)
    let bytes = Array(result.text.utf8)
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    switch result.spans {
    case .known(let spans): return (spans.map { text($0.range) }, spans.map { text($0.supervised) })
    case .unknown(let reason): return ([reason], [])
    }
}

@Suite struct AssistantSpanTests {
    @Test func `spans run from the generation prompt to the end of the turn`() throws {
        let messages = [
            message("user", "a"), message("assistant", "b"), message("user", "<|im_end|>"), message("assistant", ""),
        ]
        #expect(try said(ChatStyle.chatml.source, messages).spans == ["b<|im_end|>", "<|im_end|>"])
        let llama = [
            message("user", "a"), message("assistant", " b "), message("user", "c"), message("assistant", "d"),
        ]
        #expect(try said(ChatStyle.llama2.source, llama).spans == [" b </s>", " d </s>"])
    }

    /// In the way of Qwen3: thoughts of the history are removed, and the last answer always has a place for one.
    private static let thinking = """
        {%- for m in messages %}
            {%- set answer = m.content.split('</think>')[-1].lstrip('\\n') %}
            {{- '<|im_start|>' + m.role + '\\n' }}
            {%- if m.role == 'assistant' and loop.last %}
                {{- '<think>\\n' + (m.content.split('</think>')[0].split('<think>')[-1].strip('\\n')
                    if '</think>' in m.content else '') + '\\n</think>\\n\\n' }}
            {%- endif %}
            {{- answer + '<|im_end|>\\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}
        """

    @Test func `an empty thought that the template puts in is not supervised`() throws {
        let plain = try said(Self.thinking, [message("user", "a"), message("assistant", "b")])
        #expect(plain.spans == ["<think>\n\n</think>\n\nb<|im_end|>"])
        #expect(plain.supervised == ["b<|im_end|>"])
        let thought = message("assistant", "<think>\nhm\n</think>\n\nb")
        let history = try said(Self.thinking, [message("user", "a"), thought, message("user", "c"), thought])
        #expect(history.spans == ["b<|im_end|>", "<think>\nhm\n</think>\n\nb<|im_end|>"])
        #expect(history.supervised == history.spans)
    }

    @Test func `a system message that moves to the last question does not hide where answers begin`() throws {
        let template = """
            {%- set system = messages[0].content if messages[0].role == 'system' %}
            {%- for m in messages if m.role != 'system' %}
                {%- if m.role == 'user' %}
                    {%- set preface = system + '\\n\\n' if loop.last and system is defined else '' %}
                    {{- '[INST] ' + preface + m.content + '[/INST]' }}
                {%- else %}
                    {{- ' ' + m.content + eos_token }}
                {%- endif %}
            {%- endfor %}
            """
        let messages = [
            message("system", "s"), message("user", "a"), message("assistant", "b"), message("user", "c"),
            message("assistant", "b"),
        ]
        #expect(try said(template, messages).spans == [" b</s>", " b</s>"])
    }

    @Test func `what cannot be told is said with its reason`() throws {
        let dropping =
            "{% for m in messages if m.content %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}"
        let empty = [message("user", "a"), message("assistant", ""), message("user", "b"), message("assistant", "c")]
        #expect(try said(dropping, empty).supervised.isEmpty)
        var parts = JSONObject()
        parts.append("role", .string("user"))
        parts.append("content", try JSONParser.parse(Array(#"[{"type": "text", "text": "a"}]"#.utf8)))
        let printed = try said(dropping, [.object(parts), message("assistant", "c")])
        #expect(printed.spans == ["the template writes the parts of message 0 as a Python list"])
        let silent = "{% for m in messages %}<|{{ m.role }}|>{{ m.content if m.role == 'user' }}<|end|>{% endfor %}"
        #expect(try said(silent, [message("user", "a"), message("assistant", "c")]).supervised.isEmpty)
    }

    @Test func `the end of a turn is read from the template`() throws {
        func ends(_ template: String) throws -> [String] {
            let context = TemplateContext(messages: [], specialTokens: ["eos_token": "</s>"])
            return try ChatTemplateProgram(template, name: "example").endsOfTurn(context)
        }
        #expect(try ends(ChatStyle.chatml.source) == ["<|im_end|>"])
        #expect(try ends(ChatStyle.vicuna.source) == ["</s>"])
        #expect(try ends("{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}") == [])
        // The opening of the next turn is no end of this one.
        let open = "{% for m in messages %}<x>{{ m.role }}\n{{ m.content }}\n{% endfor %}<x>assistant\n"
        #expect(try ends(open) == [])
        let two = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|{{ 'return' if loop.last else 'end' }}|>"
        #expect(try ends(two + "{% endfor %}") == ["<|return|>", "<|end|>"])
    }
}
