import FalconTensor
import FalconTestSupport
import FalconTokenizer
import Testing

@testable import FalconDecoding

/// `--stop`: texts that end an answer, wherever tokens end.
@Suite struct TextualStopTests {
    private let tokenizer: Tokenizer

    init() throws { tokenizer = try Tokenizer(folder: "\(Fixtures.folder)/tokenizers/qwen2") }

    private func text(_ tokens: some Sequence<Int32>) -> String {
        tokenizer.decode(Array(tokens), skippingSpecial: true)
    }

    /// How many tokens there are up to the first one with which the text holds a stop; looks at all of it each time.
    private func bruteForce(_ tokens: [Int32], _ stops: [String]) -> Int? {
        (1...tokens.count).first { count in
            let bytes = Array(text(tokens.prefix(count)).utf8)
            return stops.contains { stop in
                let wanted = Array(stop.utf8)
                return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
            }
        }
    }

    @Test func `the token that completes a stop is the last one, whatever passes bring the tokens`() {
        var random = RandomSource(seed: 11)
        var ends = 0
        for _ in 0..<300 {
            let tokens = (0..<40).map { _ in Int32(random.below(1000)) }
            let whole = Array(text(tokens).unicodeScalars)
            // Pieces of the text itself, and some that it does not hold.
            let stops = (0...random.below(2)).map { _ -> String in
                let start = random.below(max(1, whole.count - 12))
                let piece = whole[start..<min(whole.count, start + 1 + random.below(12))].map(String.init).joined()
                return random.below(3) == 0 ? piece + "#" : piece
            }
            .filter { !$0.isEmpty && !$0.contains("\u{fffd}") }
            guard !stops.isEmpty else { continue }
            let rule = StopRule(endTokens: [], maximumTokens: 40, textual: TextualStop(stops, tokenizer))
            var (taken, isEnded) = ([Int32](), false)
            while !isEnded {
                let new = Array(tokens[taken.count..<min(40, taken.count + 1 + random.below(6))])
                let admitted = rule.admit(new, after: taken)
                taken += new.prefix(admitted.count)
                isEnded = admitted.ends
            }
            let expected = bruteForce(tokens, stops)
            #expect(taken.count == expected ?? 40, "\(stops) in \(text(tokens))")
            #expect(FinishReason(taken, stop: rule) == (expected == nil ? .length : .stopText))
            if expected != nil { ends += 1 }
        }
        #expect(ends > 100)
    }

    @Test func `pieces of an answer are its text up to the stop, and come as soon as they are certain`() {
        let tokens = tokenizer.encode("One two three, four five six.")
        let stops = StopTexts(["e, fo", "six"])
        for size in 1...4 {
            var stream = AnswerPiece.Stream(tokenizer, stops: stops)
            var shown = ""
            for start in stride(from: 0, to: tokens.count, by: size) {
                let new = Array(tokens[start..<min(tokens.count, start + size)])
                let pieces = stream.append(DecodedPass(tokens: new, path: [], drafted: 0, treeDepth: 0))
                shown += pieces.map(\.text).joined()
                #expect("One two thre".hasPrefix(shown))
            }
            shown += stream.finish().map(\.text).joined()
            #expect(shown == "One two thre")
        }
        #expect(TextualStop(["e, fo"], tokenizer).cut("One two three, four") == "One two thre")
        // A beginning that no stop follows is let go at the end.
        var stream = AnswerPiece.Stream(tokenizer, stops: StopTexts(["three!"]))
        let pieces = stream.append(
            DecodedPass(tokens: tokenizer.encode("One three"), path: [], drafted: 0, treeDepth: 0))
        #expect((pieces + stream.finish()).map(\.text).joined() == "One three")
    }
}
