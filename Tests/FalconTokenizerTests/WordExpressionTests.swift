import FalconTensor
import Testing

@testable import FalconTokenizer

@Suite struct WordExpressionTests {
    private func words(_ step: PreTokenizer.Step, _ text: String) -> [[UInt8]] {
        let bytes = Array(text.utf8)
        var words: [[UInt8]] = []
        PreTokenizer(steps: [step]).forEachWord(of: AlignedText(bytes, 0..<bytes.count, tracksOrigins: false)) {
            words.append(Array($0.bytes[$1]))
        }
        return words
    }

    private func words(
        _ expression: String, _ text: String, _ behavior: PreTokenizer.Behavior = .isolated, isInverted: Bool = false
    ) throws -> [String] {
        words(.split(try WordExpression(expression), behavior, isInverted: isInverted), text)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The matcher and the scanners written by hand are two ways to the same words.
    @Test(arguments: WordPatternTests.patterns)
    func `the matcher cuts as the scanners do`(pattern: WordPattern) throws {
        let expression = try WordExpression(pattern.regularExpression)
        var random = RandomSource(seed: 12)
        for _ in 0..<400 {
            var text = (0..<Int.random(in: 1...12, using: &random))
                .map { _ in
                    WordPatternTests.alphabet[Int.random(in: 0..<WordPatternTests.alphabet.count, using: &random)]
                }
                .joined()
            text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0..<0x1_1000, using: &random)) ?? " ")
            #expect(
                words(.split(expression, .isolated, isInverted: false), text) == words(.words(pattern), text),
                "\(text.debugDescription)")
        }
    }

    /// What Oniguruma gives for each, through Hugging Face tokenizers 0.23.3.
    @Test(arguments: [
        (#"\p{N}{1,3}"#, "ab1234", ["ab", "123", "4"]), (#"\p{N}{1,3}+"#, "12345x", ["12345", "x"]),
        (#"\s+$"#, "a \n b  ", ["a", " ", "\n b", "  "]), (#"(?=(\d{3})+(?!\d))"#, "1234567", ["1", "234", "567"]),
        (#"\d{1,3}(?=(?:\d{3})*\b)"#, "1234567", ["1", "234", "567"]), (#"(?<!a)b"#, "abbb", ["ab", "b", "b"]),
        (#"(?<=\d)[a-z]"#, "1ab2c", ["1", "a", "b2", "c"]), (#"[^\S\n]+"#, "a \n\tb", ["a", " ", "\n", "\t", "b"]),
        (#"(?i:[sdmt]|ll)"#, "ſLlx", ["ſ", "Ll", "x"]), (#"a++a"#, "aaa", ["aaa"]), (#"a+?"#, "aaa", ["a", "a", "a"]),
        (#".*?b"#, "aab\nb", ["aab", "\n", "b"]), (#"x*"#, "axxb", ["a", "xx", "b"]),
        (#"^."#, "ab\ncd", ["a", "b\n", "c", "d"]),
        (#"[\d\-_]+"#, "a1-_b", ["a", "1-_", "b"]), (#"\x{1F680}|\x41|\u00e9"#, "A🚀éb", ["A", "🚀", "é", "b"]),
        (#"\P{L}+|\p{^N}"#, "a1", ["a", "1"]), (#"(?:a|ab)c"#, "abc", ["abc"]), (#"(ab?)+c?"#, "abac", ["abac"]),
        (#"\bx"#, "x axx", ["x", " axx"]), (#"\w"#, "½²_ ", ["½", "²", "_", " "]), (#"[\w]"#, "½_", ["½", "_"]),
        (#"\h+"#, "xfe9g", ["x", "fe9", "g"]), (#"a{,2}b"#, "aaab", ["a", "aab"]), (#"a{b"#, "a{b", ["a{b"]),
    ])
    func `matches are those of Oniguruma`(expression: String, text: String, expected: [String]) throws {
        #expect(try words(expression, text) == expected)
    }

    @Test(arguments: [
        (PreTokenizer.Behavior.isolated, ["a", "-", "-", "b", "-", "c"]), (.removed, ["a", "b", "c"]),
        (.contiguous, ["a", "--", "b", "-", "c"]), (.mergedWithPrevious, ["a-", "-", "b-", "c"]),
        (.mergedWithNext, ["a", "-", "-b", "-c"]),
    ])
    func `matches are kept, joined or left out`(behavior: PreTokenizer.Behavior, expected: [String]) throws {
        #expect(try words("-", "a--b-c", behavior) == expected)
        #expect(try words("[^-]", "a--b-c", .removed, isInverted: true) == ["a", "b", "c"])
        #expect(try words("-", "", behavior) == [])
    }

    @Test func `a text as pattern is taken as it is`() throws {
        let step = PreTokenizer.Step.split(try WordExpression(text: "a.b"), .mergedWithPrevious, isInverted: false)
        #expect(words(step, "aXba.bc").map { String(decoding: $0, as: UTF8.self) } == ["aXba.b", "c"])
    }

    @Test func `long texts are cut in a moment`() throws {
        let text = String(repeating: " ", count: 200_000) + "x"
        #expect(try words(#"\s*[\r\n]+|\s+(?!\S)|\s+"#, text).map(\.utf8.count) == [199_999, 1, 1])
        #expect(try words("(?:a|b)+", String(repeating: "ab", count: 100_000)).count == 1)
    }
}
