import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTokenizer

@Suite struct TokenizerPropertyTests {
    private func fixture(_ name: String) throws -> Tokenizer {
        try TokenizerFixture(name: name, folder: Fixtures.folder + "/tokenizers/" + name).tokenizer()
    }

    /// Random scalars: mostly ASCII, some of every length in UTF-8.
    private func randomText(_ random: inout RandomSource, upTo length: Int) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...length, using: &random) {
            let highest: UInt32 = [0x7f, 0x7f, 0x7ff, 0xffff, 0x10ffff][Int.random(in: 0..<5, using: &random)]
            text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0...highest, using: &random)) ?? " ")
        }
        return text
    }

    @Test func `a byte-level tokenizer without normaliser gives every text back`() throws {
        let tokenizer = try fixture("llama3")
        var random = RandomSource(seed: 1)
        for _ in 0..<300 {
            let text = randomText(&random, upTo: 60)
            #expect(isSame(tokenizer.decode(tokenizer.encode(text), skippingSpecial: false), text))
        }
    }

    @Test(arguments: ["qwen2", "llama3", "llama2", "sp_metaspace"])
    func `spans cover the text from left to right`(name: String) throws {
        let tokenizer = try fixture(name)
        var random = RandomSource(seed: 2)
        for _ in 0..<100 {
            let text = randomText(&random, upTo: 40) + "<sep> e\u{301} cafe\u{301} <mask>"
            let (ids, spans) = tokenizer.encodeWithSpans(text)
            #expect(ids == tokenizer.encode(text))
            var end = 0
            for span in spans {
                #expect(span.lowerBound <= end, "a gap before \(span) in \(text.debugDescription)")
                #expect(span.upperBound >= end || span.lowerBound < end)
                end = max(end, span.upperBound)
            }
            #expect(end == text.utf8.count)
        }
    }

    @Test(arguments: ["qwen2", "llama3", "llama2", "sp_metaspace"])
    func `a stream of random tokens gives what decoding them at once gives, in whole characters`(name: String) throws {
        let tokenizer = try fixture(name)
        var random = RandomSource(seed: 3)
        for round in 0..<200 {
            let ids = (0..<Int.random(in: 0...20, using: &random))
                .map { _ in Int32.random(in: -2..<Int32(tokenizer.vocabularySize + 3), using: &random) }
            var stream = StreamingDecoder(tokenizer, skippingSpecial: round % 2 == 0)
            let pieces = ids.map { stream.append($0) } + [stream.finish()]
            #expect(isSame(pieces.joined(), tokenizer.decode(ids, skippingSpecial: round % 2 == 0)))
            #expect(stream.finish().isEmpty)
        }
    }

    @Test func `a character arrives whole when its last byte does`() throws {
        let tokenizer = try fixture("llama3")
        var stream = StreamingDecoder(tokenizer, skippingSpecial: false)
        let bytes = Array("é🚀".utf8).map { byte in
            tokenizer.id(of: String(ByteAlphabet.scalars[Int(byte)])) ?? -1
        }
        #expect(bytes.map { stream.append($0) } == ["", "é", "", "", "", "🚀"])
        #expect(stream.finish() == "")
        #expect(stream.append(bytes[2]) == "")
        #expect(stream.finish() == "\u{fffd}")
    }

    @Test func `what other threads do at the same time does not change tokens`() throws {
        let tokenizer = try fixture("qwen2")
        let text = String(repeating: "The river doesn't carry 42 boats. Größe! ", count: 50)
        let expected = tokenizer.encode(text)
        let pool = ThreadPool(threadCount: 4)
        pool.run(16) { _ in #expect(tokenizer.encode(text) == expected) }
    }

    @Test func `the fingerprint is the digest of the file`() throws {
        let path = Fixtures.folder + "/tokenizers/qwen2"
        let changed = try String(contentsOfFile: path + "/tokenizer.json", encoding: .utf8) + " "
        let tokenizer = try Tokenizer(folder: path)
        #expect(tokenizer.fingerprint.count == 64)
        #expect(try Tokenizer(json: Array(changed.utf8), path: "changed").fingerprint != tokenizer.fingerprint)
    }

    /// What the fast cut at spaces must not change: with a token that has a space inside, words are not cut there.
    @Test func `a token with a space inside is found`() throws {
        let tokenizer = try Tokenizer(
            json: Array(
                """
                {"added_tokens": [], "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                 "pre_tokenizer": null, "decoder": null,
                 "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "▁": 2, "a▁": 3, "a▁b": 4},
                           "merges": ["a ▁", "a▁ b"]}}
                """.utf8), path: "spaces")
        #expect(tokenizer.encode("a b a") == [4, 2, 0])
        #expect(tokenizer.decode([4, 0], skippingSpecial: false) == "a▁b a")
    }

    @Test func `a long word takes no more than a moment`() throws {
        for name in ["qwen2", "llama2"] {
            let tokenizer = try fixture(name)
            let text = String(repeating: "heheh", count: 10_000)
            #expect(isSame(tokenizer.decode(tokenizer.encode(text), skippingSpecial: false), text))
        }
    }
}
