import FalconTestSupport
import Testing

@testable import FalconTokenizer

@Suite struct TokenBytesTests {
    @Test func `the bytes of a text's tokens are the text's`() throws {
        let tokenizer = try Tokenizer(folder: Fixtures.repository + "/Checkpoints/target")
        for text in ["What is 12 plus 7?", "  Grüße, \u{2713} \u{1F600}!\n", "日本語\tx"] {
            #expect(tokenizer.encode(text).flatMap(tokenizer.bytes(of:)) == Array(text.utf8))
        }
        #expect(tokenizer.bytes(of: -1).isEmpty && tokenizer.bytes(of: .max).isEmpty)
    }

    @Test func `bytes that spell no character alone, and marks of spaces`() {
        let steps: [TokenDecoder.Step] = [
            .replace(Array("\u{2581}".utf8), by: [0x20]), .byteFallback, .fuse, .strip([0x20], start: 1, stop: 0),
        ]
        let names = ["\u{2581}the", "<0xE6>", "x"]
        #expect(bytes(steps, names) == [Array(" the".utf8), [0xE6], [0x78]])
        #expect(bytes([.metaspace(Array("\u{2581}".utf8), dropsInFirst: true)], names)[0] == Array(" the".utf8))
        #expect(bytes([.space], names)[2] == Array(" x".utf8))
    }

    private func bytes(_ steps: [TokenDecoder.Step], _ names: [String]) -> [[UInt8]] {
        let decoder = TokenDecoder(
            steps: steps, tokens: names, isSpecial: names.map { _ in false })
        return names.indices.map { decoder.bytes(of: Int32($0)) }
    }
}
