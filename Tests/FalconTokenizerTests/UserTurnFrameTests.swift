import FalconTestSupport
import Testing

@testable import FalconTokenizer

/// Where templates begin and end a user's turn.
@Suite struct UserTurnFrameTests {
    private func frame(_ source: String, _ messages: [ChatMessage] = []) throws -> UserTurnFrame {
        let folder = try TemporaryFolder()
        let path = try folder.write(source, to: "own.jinja")
        let model = ModelTemplate(path: "model", source: nil, specialTokens: ["bos_token": "<s>", "eos_token": "</s>"])
        return try ChatTemplate.select(TemplateChoice(path), model: model).userTurnFrame(after: messages)
    }

    @Test func `the named styles`() throws {
        let expected: [(String, String, String)] = [
            ("chatml", "<|im_start|>user\n", "<|im_end|>"), ("llama3", "user<|end_header_id|>\n\n", "<|eot_id|>"),
            ("llama2", "[INST] ", "[/INST]"), ("mistral", "[INST]", "[/INST]"), ("vicuna", "USER: ", "ASSISTANT:"),
        ]
        for (name, before, end) in expected {
            let frame = try ChatTemplate.style(name).userTurnFrame(after: [])
            let place = frame.before.trimmingCharacters(in: .whitespaces)
            #expect(place.hasSuffix(before.trimmingCharacters(in: .whitespaces)), "\(name): \(frame)")
            #expect(frame.end == end, "\(name): \(frame)")
        }
    }

    @Test func `earlier messages and the system stand before it`() throws {
        let messages = [
            ChatMessage(role: .system, content: "Be kind."), ChatMessage(role: .user, content: "Falconusersturn"),
            ChatMessage(role: .assistant, content: "Yes."),
        ]
        let frame = try ChatTemplate.style("chatml").userTurnFrame(after: messages)
        #expect(
            frame.before
                == "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nFalconusersturn<|im_end|>\n"
                + "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\n")
    }

    @Test func `templates that write a user's words otherwise are refused by name`() throws {
        let twice = "{% for m in messages %}{{ m.content }}|{{ m.content }}{% endfor %}"
        let changed = "{% for m in messages %}<{{ m.content | upper }}>{% endfor %}"
        let without = "{% for m in messages %}{{ m.role }}{% endfor %}"
        for source in [twice, changed, without] {
            let error = #expect(throws: TokenizerError.self) { try frame(source) }
            #expect("\(try #require(error))".contains("where a user's turn begins cannot be told"), "\(source)")
        }
        #expect(throws: DialogueRefusal.self) { try frame("{{ raise_exception('no') }}") }
    }

    @Test func `a turn without an end has none`() throws {
        let frame = try frame("{{ bos_token }}{% for m in messages %}{{ m.content | trim }}{% endfor %}")
        #expect(frame == UserTurnFrame(before: "<s>", end: ""))
    }
}
