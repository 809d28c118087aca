import FalconTensor
import Foundation
import Testing

@testable import FalconTokenizer

@Suite struct WordPatternTests {
    static let patterns: [WordPattern] = [.gpt2, .llama3(digits: 1), .llama3(digits: 3)]

    /// Characters that the patterns treat differently, in their usual neighbourhoods.
    static let alphabet: [String] = [
        "a", "B", "é", "ß", "ſ", "日", "ﬁ", "1", "2", "٣", "Ⅷ", "½", " ", "  ", "\t", "\n", "\r", "\r\n",
        "\u{a0}", "\u{2003}", "\u{85}", "\u{b}", "\u{200b}", "'", "'s", "'S", "'ll", "'RE", "'ve", "'m", "'x", ".",
        "!?", "_", "\u{301}", "🚀", "\u{0}", "\u{1f}", "-", "$",
    ]

    /// The same expression for another engine, whose `\s` is not Unicode's White_Space.
    private func reference(_ pattern: WordPattern) throws -> NSRegularExpression {
        let expression = pattern.regularExpression
            .replacingOccurrences(of: #"[^\s\p{L}\p{N}]"#, with: #"[^\p{White_Space}\p{L}\p{N}]"#)
            .replacingOccurrences(of: #"\s"#, with: #"\p{White_Space}"#)
            .replacingOccurrences(of: #"\S"#, with: #"\P{White_Space}"#)
        return try NSRegularExpression(pattern: expression)
    }

    @Test(arguments: patterns)
    func `random texts are cut as the regular expression cuts them`(pattern: WordPattern) throws {
        let reference = try reference(pattern)
        var random = RandomSource(seed: 11)
        for _ in 0..<400 {
            let text = (0..<Int.random(in: 1...12, using: &random))
                .map { _ in Self.alphabet[Int.random(in: 0..<Self.alphabet.count, using: &random)] }.joined()
            let matches = reference.matches(in: text, range: NSRange(location: 0, length: text.utf16.count))
            let expected = matches.map { (text as NSString).substring(with: $0.range) }
            var words: [String] = []
            let bytes = Array(text.utf8)
            PreTokenizer(steps: [.words(pattern)])
                .forEachWord(of: AlignedText(bytes, 0..<bytes.count, tracksOrigins: false)) { _, word in
                    words.append(String(decoding: bytes[word], as: UTF8.self))
                }
            #expect(words.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(text.debugDescription)")
        }
    }

    @Test func `digits are cut one by one or in runs`() {
        let bytes = Array("ab12cd345".utf8)
        func words(_ pattern: WordPattern) -> [String] {
            var words: [String] = []
            PreTokenizer(steps: [.words(pattern), .words(.gpt2)])
                .forEachWord(of: AlignedText(bytes, 0..<bytes.count, tracksOrigins: false)) { _, word in
                    words.append(String(decoding: bytes[word], as: UTF8.self))
                }
            return words
        }
        #expect(words(.digits(individual: true)) == ["ab", "1", "2", "cd", "3", "4", "5"])
        #expect(words(.digits(individual: false)) == ["ab", "12", "cd", "345"])
    }

    @Test func `an unknown expression is not taken for a known one`() {
        for pattern in Self.patterns { #expect(WordPattern(regularExpression: pattern.regularExpression) == pattern) }
        #expect(WordPattern(regularExpression: #"\w+|[^\w\s]+"#) == nil)
    }
}
