import FalconJSON
import Testing

@testable import FalconTemplates

@Suite struct ChatStyleTests {
    private func text(
        _ style: ChatStyle, _ turns: [(String, String)], prompt: Bool = false, tokens: [String: String] = [:]
    ) throws -> String {
        let messages = turns.map { role, content in
            var object = JSONObject()
            object.append("role", .string(role))
            object.append("content", .string(content))
            return JSONValue.object(object)
        }
        let context = TemplateContext(messages: messages, addGenerationPrompt: prompt, specialTokens: tokens)
        return try style.program().render(context).text
    }

    @Test func `each style writes its family's text`() throws {
        let turns = [("system", " s "), ("user", " a "), ("assistant", "b\n"), ("user", "c")]
        #expect(
            try text(.chatml, turns, prompt: true)
                == "<|im_start|>system\n s <|im_end|>\n<|im_start|>user\n a <|im_end|>\n"
                + "<|im_start|>assistant\nb\n<|im_end|>\n"
                + "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n")
        #expect(
            try text(.llama2, turns)
                == "<s>[INST] <<SYS>>\n s \n<</SYS>>\n\n a [/INST] b </s><s>[INST] c [/INST]")
        #expect(
            try text(.llama3, turns, tokens: ["bos_token": "<b>"])
                == "<b><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|>"
                + "<|start_header_id|>user<|end_header_id|>\n\na"
                + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|><|start_header_id|>user"
                + "<|end_header_id|>\n\nc<|eot_id|>")
        #expect(
            try text(.mistral, turns, prompt: true, tokens: ["eos_token": "<e>"])
                == "<s>[INST]  s \n\n a  [/INST] b\n<e>[INST] c [/INST]")
        #expect(try text(.vicuna, turns, prompt: true) == "<s> s  USER:  a  ASSISTANT: b\n</s>USER: c ASSISTANT:")
        #expect(try text(.vicuna, [("user", "a")]).contains("polite answers to the user's questions. USER: a "))
    }

    @Test func `turns without a form are refused in one line`() {
        #expect(throws: TemplateError.self) { try text(.llama2, [("user", "a"), ("user", "b")]) }
        #expect(throws: TemplateError.self) { try text(.mistral, [("assistant", "a")]) }
        #expect(throws: TemplateError.self) { try text(.vicuna, [("user", "a"), ("tool", "b")]) }
        #expect(throws: TemplateError.self) { try text(.chatml, []) }
    }

    @Test func `several templates go by name`() throws {
        let list = #"[{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]"#
        let set = try ChatTemplateSet(try JSONParser.parse(Array(list.utf8)), name: "tokenizer_config.json")
        #expect(set.names == ["default", "tool_use"])
        #expect(try set.program(hasTools: false).source == "d")
        #expect(try set.program(hasTools: true).source == "t")
        let lone = try ChatTemplateSet(.string("x"), name: "file")
        #expect(try lone.program(hasTools: true).source == "x")
        let other = #"[{"name": "rag", "template": "r"}]"#
        let named = try ChatTemplateSet(try JSONParser.parse(Array(other.utf8)), name: "file")
        #expect(throws: TemplateError.self) { try named.program(hasTools: false) }
        #expect(throws: TemplateError.self) { try ChatTemplateSet(.integer(1), name: "file") }
    }
}
