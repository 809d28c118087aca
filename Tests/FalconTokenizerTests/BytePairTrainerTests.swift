import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

@Suite struct BytePairTrainerTests {
    static let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

    /// A few hundred sentences over a small vocabulary, always the same.
    static let texts: [String] = (0..<300).map { index in
        let nouns = ["boat", "river", "mill", "answer", "number", "Größe", "船"]
        let verbs = ["counts", "carries", "doesn't see", "equals", "asks for"]
        return "The \(nouns[index % 7]) \(verbs[index % 5]) \(index * 37 % 1000) \(nouns[index / 7 % 7])s.\n\n\tDone!"
    }

    private func tokenizer(_ texts: [String], _ size: Int) throws -> Tokenizer {
        let file = try BytePairTrainer.train(texts, vocabularySize: size, specialTokens: Self.special)
        return try Tokenizer(json: Array(file.utf8), path: "trained")
    }

    @Test func `a trained tokenizer has the size asked for and reads back its texts`() throws {
        let tokenizer = try tokenizer(Self.texts, 330)
        #expect(tokenizer.vocabularySize == 330)
        #expect(tokenizer.id(of: "<|endoftext|>") == 327)
        #expect(tokenizer.id(of: "<|im_end|>") == 329)
        for text in Self.texts + ["Something else: 日本語 🚀 \u{0}"] {
            #expect(isSame(tokenizer.decode(tokenizer.encode(text), skippingSpecial: false), text))
        }
        let bytes = Self.texts.reduce(0) { $0 + $1.utf8.count }
        let tokens = Self.texts.reduce(0) { $0 + tokenizer.encode($1).count }
        #expect(tokens * 2 < bytes)
    }

    @Test func `the most frequent pair is merged first, among equals the one of lowest ids`() throws {
        let file = try BytePairTrainer.train(
            ["abab abab", "cdcd", "xy"], vocabularySize: 256 + 4 + 3, specialTokens: Self.special)
        let merges = try JSONParser.parse(Array(file.utf8))["model"]?["merges"]?.list ?? []
        // a b: 4 times; then c d and ab ab twice each, and c has the lower id; then x y, Ġ abab and cd cd once each.
        #expect(merges.map { $0.list.map(\.text) } == [["a", "b"], ["c", "d"], ["ab", "ab"], ["x", "y"]])
    }

    @Test func `the order of the texts does not matter`() throws {
        let first = try BytePairTrainer.train(Self.texts, vocabularySize: 320, specialTokens: Self.special)
        let second = try BytePairTrainer.train(Self.texts.reversed(), vocabularySize: 320, specialTokens: Self.special)
        #expect(first == second)
    }

    @Test func `what cannot be trained is refused in one line`() {
        #expect(throws: TokenizerError.self) {
            try BytePairTrainer.train(Self.texts, vocabularySize: 258, specialTokens: Self.special)
        }
        #expect(throws: TokenizerError.self) {
            try BytePairTrainer.train(["too little"], vocabularySize: 1024, specialTokens: Self.special)
        }
        #expect(throws: TokenizerError.self) {
            try BytePairTrainer.train(Self.texts, vocabularySize: 300, specialTokens: ["<a>", "<a>"])
        }
    }

    @Test func `a written chat tokenizer is found with its template`() throws {
        let folder = try TemporaryFolder()
        try BytePairTrainer.writeChatTokenizer(to: folder.path, texts: Self.texts, vocabularySize: 320)
        let tokenizer = try Tokenizer(folder: folder.path)
        let template = try ChatTemplate.select(TemplateChoice(), folder: folder.path)
        #expect(template.endOfTurn == "<|im_end|>")
        let chat = [ChatMessage(role: .user, content: "The boat?"), ChatMessage(role: .assistant, content: "Done!")]
        let encoded = try DialogueEncoder(template, tokenizer).encode(Dialogue(id: "x", messages: chat))
        let (ids, mask) = (encoded.ids, encoded.lossMask)
        #expect(
            tokenizer.decode(ids, skippingSpecial: false)
                == "<|im_start|>user\nThe boat?<|im_end|>\n<|im_start|>assistant\nDone!<|im_end|>\n")
        let answer = zip(ids, mask).filter { $0.1 == 1 }.map(\.0)
        #expect(tokenizer.decode(answer, skippingSpecial: false) == "Done!<|im_end|>")
    }
}
