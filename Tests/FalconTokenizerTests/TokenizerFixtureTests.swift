import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Testing

@Suite struct TokenizerFixtureTests {
    static let fixtures = TokenizerFixture.all(["qwen2", "llama3", "llama2", "sp_metaspace"])

    @Test(arguments: fixtures)
    func `texts have the tokens that Hugging Face gives them`(fixture: TokenizerFixture) throws {
        let tokenizer = try fixture.tokenizer()
        let file = try fixture.json("cases.json")
        let cases = file["cases"]?.list ?? []
        #expect(!cases.isEmpty)
        #expect(tokenizer.vocabularySize == file["vocab_size_with_added"]?.integer)
        for entry in cases {
            let text = entry["text"]?.text ?? ""
            let expected = entry["ids"]?.ids ?? []
            #expect(tokenizer.encode(text) == expected, "\(text.debugDescription)")
            let (ids, spans) = tokenizer.encodeWithSpans(text)
            #expect(ids == expected, "with spans: \(text.debugDescription)")
            #expect(spans.count == ids.count)
            #expect(spans.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= text.utf8.count })
            #expect(isSame(tokenizer.decode(expected, skippingSpecial: false), entry["decoded"]?.text ?? ""))
            #expect(
                isSame(tokenizer.decode(expected, skippingSpecial: true), entry["decoded_skip_special"]?.text ?? ""))
        }
    }

    @Test(arguments: fixtures)
    func `tokens have the texts that Hugging Face gives them`(fixture: TokenizerFixture) throws {
        let tokenizer = try fixture.tokenizer()
        let file = try fixture.json("decode_cases.json")
        let cases = file["cases"]?.list ?? []
        #expect(!cases.isEmpty)
        for entry in cases {
            let ids = entry["ids"]?.ids ?? []
            #expect(isSame(tokenizer.decode(ids, skippingSpecial: false), entry["decoded"]?.text ?? ""), "\(ids)")
            #expect(isSame(tokenizer.decode(ids, skippingSpecial: true), entry["decoded_skip_special"]?.text ?? ""))
        }
        for (id, entry) in (file["single_id"]?.list ?? []).enumerated() {
            #expect(isSame(tokenizer.decode([Int32(id)], skippingSpecial: false), entry.text), "id \(id)")
        }
    }

    @Test(arguments: TokenizerFixture.all(["qwen2", "llama3", "llama2", "vicuna"]))
    func `chats have the prompts, tokens and masks that Hugging Face gives them`(fixture: TokenizerFixture) throws {
        let tokenizer = try fixture.tokenizer()
        let template = try ChatTemplate.select(TemplateChoice(), folder: fixture.folder)
        #expect(template.origin.contains("tokenizer_config.json"))
        let chats = try fixture.json("chats.json").list
        #expect(!chats.isEmpty)
        for chat in chats {
            let name = chat["name"]?.text ?? ""
            let messages = chat["messages"]?.list ?? []
            let prompts = chat["add_generation_prompt"]?.boolean ?? false
            guard chat["error"] == nil else {
                #expect(throws: DialogueRefusal.self, "\(name)") {
                    try template.encode(messages, addGenerationPrompt: prompts, tokenizer)
                }
                continue
            }
            let (text, ids, mask) = try template.encode(messages, addGenerationPrompt: prompts, tokenizer)
            #expect(isSame(text, chat["prompt"]?.text ?? ""), "\(name): \(text.debugDescription)")
            #expect(ids == chat["ids"]?.ids, "\(name)")
            #expect(mask?.map { Int32($0) } == chat["assistant_mask"]?.ids, "\(name)")
        }
    }
}
