import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Testing

/// Which answers a draft head learns from.
@Suite struct DialogueEncoderTests {
    private let encoder: DialogueEncoder

    init() throws {
        encoder = DialogueEncoder(
            try ChatTemplate.style("chatml"), try Tokenizer(folder: Fixtures.folder + "/tokenizers/qwen2"))
    }

    /// The text of the tokens that count, answers apart.
    private func learned(_ row: String) throws -> String {
        let reading = try ChatDataset.rows(Array(row.utf8), path: "chats.json")
        let encoded = try encoder.encode(try #require(reading.dialogues.first, "\(reading.problems)"))
        let ids = zip(encoded.ids, encoded.lossMask).filter { $1 == 1 }.map(\.0)
        return encoder.tokenizer.decode(ids, skippingSpecial: false)
    }

    @Test(arguments: [
        (#"{"role":"assistant","content":"5","weight":0}"#, "4<|im_end|>"),
        (#"{"role":"assistant","content":"5","train":false}"#, "4<|im_end|>"),
        (#"{"role":"assistant","content":"5","weight":1}"#, "5<|im_end|>4<|im_end|>"),
        (#"{"role":"assistant","content":""}"#, "4<|im_end|>"),
        (#"{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f"}}]}"#, "4<|im_end|>"),
        (#"{"role":"assistant","content":"5","reasoning_content":"t"}"#, "5<|im_end|>4<|im_end|>"),
    ])
    func `answers that teach nothing are not learned from`(answer: String, text: String) throws {
        let row = """
            {"messages":[{"role":"user","content":"q"},\(answer),{"role":"user","content":"r"},\
            {"role":"assistant","content":"4"}]}
            """
        #expect(try learned(row) == text)
    }

    @Test func `a row's own tokens count, not its messages`() throws {
        let row = #"{"prompt":"q","completion":"a","input_ids":[72,105],"loss_mask":[0,1]}"#
        let reading = try ChatDataset.rows(Array(row.utf8), path: "chats.json")
        let encoded = try encoder.encode(try #require(reading.dialogues.first))
        #expect(encoded.ids == [72, 105] && encoded.lossMask == [0, 1])
    }

    @Test func `the template's end of turn ends answers where the model names another`() throws {
        let tokenizer = encoder.tokenizer
        let end = try #require(tokenizer.id(of: "<|im_end|>"))
        for (configured, count) in [([end], 0), ([7], 1), ([], 1)] {
            let ends = AnswerEnds(configured: configured, template: encoder.template, tokenizer: tokenizer)
            #expect(ends.tokens.contains(end) && ends.tokens.isSuperset(of: configured))
            #expect(ends.notes.count == count)
        }
        let vicuna = try ChatTemplate.select(
            TemplateChoice("vicuna"),
            model: ModelTemplate(path: "x", source: nil, specialTokens: ["eos_token": "</none>"]))
        let none = AnswerEnds(configured: [], template: vicuna, tokenizer: tokenizer)
        #expect(none.tokens.isEmpty && none.notes.first?.contains("no end token") == true)
        let other = AnswerEnds(configured: [7], template: vicuna, tokenizer: tokenizer)
        #expect(other.tokens == [7] && other.notes.count == 1)
    }
}
