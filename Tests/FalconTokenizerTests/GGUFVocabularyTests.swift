import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import Testing

@Suite struct GGUFVocabularyTests {
    /// The vocabulary of a `tokenizer.json` as a GGUF file has it.
    private func vocabulary(_ fixture: TokenizerFixture, pre: String?) throws -> GGUFVocabulary {
        let document = try fixture.json("tokenizer.json")
        let named = document["model"]?["vocab"]?.object?.members ?? []
        let added = document["added_tokens"]?.list ?? []
        let highest = (named.compactMap(\.value.integer) + added.compactMap { $0["id"]?.integer }).max() ?? 0
        var tokens = [String](repeating: "", count: highest + 1)
        var types = [Int](repeating: 1, count: highest + 1)
        for member in named { tokens[member.value.integer ?? 0] = member.key }
        for token in added {
            tokens[token["id"]?.integer ?? 0] = token["content"]?.text ?? ""
            types[token["id"]?.integer ?? 0] = token["special"]?.boolean == true ? 3 : 4
        }
        var vocabulary = GGUFVocabulary(model: "gpt2", tokens: tokens)
        vocabulary.pre = pre
        vocabulary.types = types
        vocabulary.merges = document["model"]?["merges"]?.list.map { entry in
            entry.string ?? entry.list.map(\.text).joined(separator: " ")
        }
        return vocabulary
    }

    @Test(arguments: [("qwen2", "qwen2"), ("llama3", "llama-bpe")])
    func `byte pairs by name of their rules are those of the model's own file`(name: String, pre: String) throws {
        let fixture = TokenizerFixture(name: name, folder: Fixtures.folder + "/tokenizers/" + name)
        let file = try fixture.tokenizer()
        let tokenizer = try Tokenizer(vocabulary: vocabulary(fixture, pre: pre), name: "model.gguf")
        #expect(tokenizer.vocabularySize == file.vocabularySize)
        for entry in try fixture.json("cases.json")["cases"]?.list ?? [] {
            let text = entry["text"]?.text ?? ""
            // Some added tokens take white space along, which a GGUF file does not say.
            if file.encodeWithSpans(text).ids != file.encode(text) || text.contains("<sep>") { continue }
            let ids = entry["ids"]?.ids ?? []
            if ids.contains(where: { $0 >= 0 && file.isSpecial($0) }) { continue }
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
            #expect(isSame(tokenizer.decode(ids, skippingSpecial: false), entry["decoded"]?.text ?? ""))
        }
    }

    /// A few pieces with scores, the bytes "<0x0A>" and "<0xC3>", and one control and one user-defined token.
    private func pieces() -> GGUFVocabulary {
        let tokens: [(String, Float, Int)] = [
            ("<unk>", 0, 2), ("<s>", 0, 3), ("[X]", 0, 4), ("<0x0A>", 0, 6), ("<0xC3>", 0, 6), ("▁", -9, 1),
            ("a", -9, 1),
            ("b", -9, 1), ("c", -9, 1), ("ab", -3, 1), ("bc", -2, 1), ("▁a", -3, 1), ("abc", -1, 1), ("aa", -4, 1),
        ]
        var vocabulary = GGUFVocabulary(model: "llama", tokens: tokens.map(\.0))
        vocabulary.scores = tokens.map(\.1)
        vocabulary.types = tokens.map(\.2)
        vocabulary.roles = ["unknown": 0, "bos": 1]
        return vocabulary
    }

    @Test func `pieces merge by score, and equal ones from the left`() throws {
        let tokenizer = try Tokenizer(vocabulary: pieces(), name: "model.gguf")
        // "bc" before "ab" and "▁a"; then "abc".
        #expect(tokenizer.encode("abc") == [5, 12])
        #expect(tokenizer.encode("bbc") == [5, 7, 10])
        // "▁a" and "ab" have one score: the one on the left.
        #expect(tokenizer.encode("ab") == [11, 7])
        #expect(tokenizer.encode("caaa") == [5, 8, 13, 6])
        #expect(tokenizer.encode("b abb") == [5, 7, 11, 7, 7])
        #expect(tokenizer.encode("<s>a[X]b") == [1, 11, 2, 5, 7])
        // A line break has its byte token; é would need two, of which one is missing.
        #expect(tokenizer.encode("\né") == [5, 3, 0])
        #expect(tokenizer.decode([1, 11, 10], skippingSpecial: false) == "<s> abc")
        #expect(tokenizer.decode([1, 11, 2, 3], skippingSpecial: true) == "a[X]\n")
    }

    @Test func `the space before a text is as the file says`() throws {
        var vocabulary = pieces()
        vocabulary.addsSpacePrefix = false
        let tokenizer = try Tokenizer(vocabulary: vocabulary, name: "model.gguf")
        #expect(tokenizer.encode("ab") == [9])
        #expect(tokenizer.decode([11, 7], skippingSpecial: false) == " ab")
        #expect(try tokenizer.fingerprint != Tokenizer(vocabulary: pieces(), name: "model.gguf").fingerprint)
    }

    @Test(arguments: [
        ("default", "a$$12345 x", ["a", "$$", "123", "45", " x"]), ("gpt-2", "a$$12345 x", ["a", "$$", "12345", " x"]),
        ("falcon", "a$$12345 x", ["a", "$$", "123", "45", " x"]), ("smollm", "a  12", ["a", "  ", "1", "2"]),
        ("llama-bpe", "a$$1234\n\nb", ["a", "$$", "123", "4", "\n\n", "b"]),
        ("qwen2", "I'M 12", ["I", "'M", " ", "1", "2"]),
        ("qwen35", "x\u{301}y1", ["x\u{301}y", "1"]), ("gpt-4o", "camelCase'S/\n", ["camel", "Case'S", "/\n"]),
        ("tekken", "camelCase'S/\n12", ["camel", "Case", "'S", "/\n", "1", "2"]),
        ("deepseek-v3", "ab日本12345.x", ["ab", "日本", "123", "45", ".x"]),
        ("deepseek-coder", "ab 12日本", ["ab", " ", "1", "2", "日本"]), ("bloom", "a, b", ["a", ",", " b"]),
        ("olmo", "a$$12345 x", ["a", "$$", "12345", " x"]), ("dbrx", "1234", ["123", "4"]),
    ])
    func `the name of the rules says how text is cut`(pre: String, text: String, expected: [String]) throws {
        // Without merges, and with every word wanted as a token, a word is one token or its bytes.
        var tokens = (0..<256).map { ByteSpelling.of([UInt8($0)]) }
        tokens += expected.map { ByteSpelling.of(Array($0.utf8)) }.filter { !tokens.contains($0) }
        var merges: [String] = []
        for word in expected {
            var left = ByteSpelling.of([Array(word.utf8)[0]])
            for byte in word.utf8.dropFirst() {
                let right = ByteSpelling.of([byte])
                merges.append(left + " " + right)
                left += right
                if !tokens.contains(left) { tokens.append(left) }
            }
        }
        var vocabulary = GGUFVocabulary(model: "gpt2", tokens: tokens)
        vocabulary.pre = pre
        vocabulary.merges = merges
        let tokenizer = try Tokenizer(vocabulary: vocabulary, name: "model.gguf")
        let (ids, spans) = tokenizer.encodeWithSpans(text)
        #expect(tokenizer.decode(ids, skippingSpecial: false) == text)
        let words = spans.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
        #expect(words == expected)
    }

    @Test func `broken vocabularies are refused in one line that names the key`() {
        func message(_ change: (inout GGUFVocabulary) -> Void) -> String {
            var vocabulary = pieces()
            change(&vocabulary)
            do {
                _ = try Tokenizer(vocabulary: vocabulary, name: "m.gguf")
                return "no error"
            } catch {
                return "\(error)"
            }
        }
        func bytePairs(_ merges: [String]?, pre: String? = nil) -> (inout GGUFVocabulary) -> Void {
            return {
                $0.model = "gpt2"
                $0.merges = merges
                $0.pre = pre
            }
        }
        let cases: [(String, String)] = [
            (message { $0.model = "bert" }, "'tokenizer.ggml.model' is 'bert', which is not supported"),
            (message { $0.tokens = [] }, "'tokenizer.ggml.tokens' is empty"),
            (message { $0.types?.removeLast() }, "'tokenizer.ggml.token_type' has 13 entries for 14 tokens"),
            (message { $0.types?[3] = 9 }, "gives the token 3 the type 9"),
            (message { $0.scores?.append(1) }, "'tokenizer.ggml.scores' has 15 entries for 14 tokens"),
            (message { $0.scores?[5] = .nan }, "has no number for the token 5"),
            (message { $0.scores = nil }, "'tokenizer.ggml.scores' is missing"),
            (message { $0.roles["bos"] = 14 }, "'tokenizer.ggml.bos_token_id' is 14, and there are 14 tokens"),
            (message { $0.roles["eos"] = -1 }, "'tokenizer.ggml.eos_token_id' is -1"),
            (message { $0.removesExtraWhitespace = true }, "'tokenizer.ggml.remove_extra_whitespaces' is true"),
            (message { $0.hasCharacterMap = true }, "'tokenizer.ggml.precompiled_charsmap' is there"),
            (message(bytePairs(nil)), "'tokenizer.ggml.merges' is missing"),
            (message(bytePairs(["ab"])), "'tokenizer.ggml.merges' has entry 0, which is neither"),
            (message(bytePairs(["a b", "a b c"])), "has entry 1, which is neither"),
            (message(bytePairs(["a z"])), "has entry 0, 'a z', of which a part or the result is no token"),
            (message(bytePairs(["a b"], pre: "kimi-k2")), "'tokenizer.ggml.pre' is 'kimi-k2', which is not supported"),
        ]
        for (message, expected) in cases {
            #expect(
                message.hasPrefix("m.gguf: ") && message.contains(expected) && !message.contains("\n"), "\(message)")
        }
    }
}

/// GPT-2's spelling of bytes, written once more for the tests.
private enum ByteSpelling {
    static func of(_ bytes: [UInt8]) -> String {
        var others: UInt32 = 0x100
        var table: [UInt8: UInt32] = [:]
        for byte in UInt8.min...UInt8.max {
            if 0x21...0x7e ~= byte || 0xa1...0xac ~= byte || byte >= 0xae {
                table[byte] = UInt32(byte)
            } else {
                table[byte] = others
                others += 1
            }
        }
        return bytes.map { String(Unicode.Scalar(table[$0] ?? 0).map(Character.init) ?? "?") }.joined()
    }
}
