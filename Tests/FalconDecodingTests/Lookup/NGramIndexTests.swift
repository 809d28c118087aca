import FalconTensor
import Testing

@testable import FalconDecoding

/// What the index says of a text is what a plain search through it finds.
@Suite struct NGramIndexTests {
    private func text(_ length: Int, of vocabulary: Int, _ random: inout RandomSource) -> [Int32] {
        (0..<length).map { _ in Int32(random.below(vocabulary)) }
    }

    /// How many tokens before `next` are those at the end of `text`.
    private func match(_ text: [Int32], before next: Int) -> Int {
        var length = 0
        while length < NGramIndex.lengthLimit, next - 1 - length >= 0, text.count - 1 - length > next - 1 - length,
            text[next - 1 - length] == text[text.count - 1 - length]
        { length += 1 }
        return length
    }

    @Test(arguments: [2, 3, 7, 40])
    func `candidates follow the longest matches there are`(vocabulary: Int) {
        var random = RandomSource(seed: UInt64(vocabulary))
        for _ in 0..<200 {
            let known = text(1 + random.below(60), of: vocabulary, &random)
            let path = text(random.below(4), of: vocabulary, &random)
            let candidates = NGramIndex(known).candidates(after: path)
            let whole = known + path
            // Places that end within the path are not in the index.
            let places = (1..<whole.count).filter { $0 <= known.count }
                .map { (next: $0, length: match(whole, before: $0)) }.filter { $0.length > 0 }
            #expect(candidates.isEmpty == places.isEmpty)
            guard let longest = places.map(\.length).max() else { continue }
            // The newest of the longest matches comes first; how many places are looked at is bounded.
            #expect(candidates[0].length == longest || places.count > 12, "\(known) \(path)")
            if places.count <= 12 {
                #expect(candidates[0].token == whole[places.last { $0.length == longest }?.next ?? 0])
            }
            #expect(Set(candidates.map(\.token)).count == candidates.count)
            #expect(candidates.map(\.rank) == Array(0..<candidates.count))
            for (earlier, later) in zip(candidates, candidates.dropFirst()) { #expect(earlier.length >= later.length) }
            for candidate in candidates {
                #expect(places.contains { $0.length == candidate.length && whole[$0.next] == candidate.token })
            }
        }
    }

    @Test func `places agree, disagree, or are alone`() {
        #expect(NGramIndex([1, 2, 3, 9, 1, 2, 3]).candidates()[0].agreement == .once)
        #expect(NGramIndex([1, 2, 3, 9, 1, 2, 3, 9, 5, 1, 2, 3]).candidates()[0].agreement == .repeated)
        let disputed = NGramIndex([1, 2, 3, 9, 1, 2, 3, 8, 5, 1, 2, 3]).candidates()
        #expect(disputed.map(\.token) == [8, 9] && disputed[0].agreement == .disputed)
    }

    @Test func `a text of one token over and over goes on for ever`() {
        let index = NGramIndex([5, 5, 5])
        for length in 0..<6 {
            #expect(index.candidates(after: [Int32](repeating: 5, count: length)).first?.token == 5)
        }
        #expect(NGramIndex([]).candidates().isEmpty && NGramIndex([4]).candidates().isEmpty)
    }

    @Test func `chances are learnt from what came, drafted or not`() {
        var statistics = LookupStatistics()
        let index = NGramIndex([1, 2, 3, 9, 1, 2, 3])
        let candidate = index.candidates()[0]
        let before = statistics.share(candidate, prior: .measured)
        for _ in 0..<200 { statistics.record(index.candidates(), next: 9) }
        let sure = statistics.share(candidate, prior: .measured)
        for _ in 0..<400 { statistics.record(index.candidates(), next: 7) }
        let unsure = statistics.share(candidate, prior: .measured)
        #expect(before < sure && sure > 0.8 && unsure < 0.2)
        #expect(statistics.learnt(.measured) != .measured)
    }
}
