import FalconTensor
import Testing

@testable import FalconDecoding

@Suite struct StopTextsTests {
    /// Feeds a text in pieces; what is let go, and whether it was stopped.
    private func feed(_ pieces: [String], _ stops: StopTexts) -> (text: String, isStopped: Bool) {
        var (released, held) = ([UInt8](), [UInt8]())
        for piece in pieces {
            let known = held.count
            held += Array(piece.utf8)
            switch stops.find(in: held, known: known) {
            case .safe(let count):
                released += held.prefix(count)
                held.removeFirst(count)
            case .end(let end): return (String(decoding: released + held.prefix(end), as: UTF8.self), true)
            }
        }
        return (String(decoding: released + held, as: UTF8.self), false)
    }

    @Test func `pieces make no difference`() {
        var random = RandomSource(seed: 4)
        let letters = ["a", "b", "ä", "\n"]
        for _ in 0..<2000 {
            let text = (0..<random.below(24)).map { _ in letters[random.below(letters.count)] }
            let stops = (0..<random.below(4)).map { _ in
                (0...random.below(3)).map { _ in letters[random.below(letters.count)] }.joined()
            }
            let finder = StopTexts(stops)
            let at = feed([text.joined()], finder)
            var pieces: [String] = []
            for letter in text {
                if pieces.isEmpty || random.below(2) == 0 {
                    pieces.append(letter)
                } else {
                    pieces[pieces.count - 1] += letter
                }
            }
            let apart = feed(pieces, finder)
            #expect(at.text == apart.text && at.isStopped == apart.isStopped)
            #expect(at.isStopped == stops.contains { text.joined().contains($0) })
            #expect(!stops.contains { at.text.contains($0) })
        }
    }

    @Test func `the stop that is complete first ends the text`() {
        let found = feed(["one two three"], StopTexts(["two thre", "wo"]))
        #expect(found.text == "one t" && found.isStopped)
        #expect(feed(["one two"], StopTexts([])).text == "one two")
    }
}
