/// Learns a byte-level byte-pair vocabulary from texts (Sennrich et al. 2016): starts from the 256 bytes and merges,
/// again and again, the pair of neighbours that is most frequent within words.
///
/// Words are cut by Qwen 2's pattern after canonical composition. The same texts always give the same vocabulary:
/// among equally frequent pairs the one with the lowest ids is taken, as Hugging Face's trainer does.
package struct BytePairTrainer {
    /// A learnt vocabulary: `tokens[id]` in raw bytes, the 256 bytes first, then the result of each merge in order.
    private(set) var tokens: [[UInt8]]
    private(set) var merges: [(left: Int32, right: Int32)] = []

    private var words: [Word]
    private var counts: [UInt64: Int] = [:]
    /// The words in which a pair occurs, or did before other merges.
    private var places: [UInt64: Set<Int32>] = [:]
    private var candidates = BinaryHeap<Candidate>()

    private struct Word {
        var symbols: [Int32]
        let count: Int
    }

    /// A pair with its frequency when it was proposed; the most frequent one counts as the least.
    private struct Candidate: Comparable {
        let count: Int
        let pair: UInt64

        static func < (left: Candidate, right: Candidate) -> Bool {
            left.count != right.count ? left.count > right.count : left.pair < right.pair
        }
    }

    /// Trains a tokenizer.
    ///
    /// - Parameters:
    ///   - texts: plain texts, without special tokens.
    ///   - vocabularySize: the number of tokens in all, special ones included.
    ///   - specialTokens: get the last ids, in this order.
    /// - Returns: the content of a `tokenizer.json`, which `Tokenizer` and Hugging Face's `tokenizers` read.
    /// - Throws: `TokenizerError` where the vocabulary has no room for the bytes and special tokens, where special
    ///   tokens repeat or are empty, or where the texts are too few for so many tokens.
    package static func train(
        _ texts: some Sequence<String>, vocabularySize: Int, specialTokens: [String]
    ) throws -> String {
        guard Set(specialTokens.map { Array($0.utf8) }).count == specialTokens.count, !specialTokens.contains("") else {
            throw TokenizerError("tokenizer training", "special tokens must differ and not be empty")
        }
        let mergeCount = vocabularySize - 256 - specialTokens.count
        guard mergeCount >= 0 else {
            throw TokenizerError(
                "tokenizer training",
                "a vocabulary of \(vocabularySize) has no room for 256 bytes and \(specialTokens.count) special tokens")
        }
        var trainer = BytePairTrainer(wordCounts: countWords(texts))
        trainer.learn(mergeCount)
        guard trainer.merges.count == mergeCount else {
            throw TokenizerError(
                "tokenizer training",
                "the texts give \(trainer.tokens.count + specialTokens.count) tokens, fewer than the \(vocabularySize) "
                    + "asked for; give more text or a smaller vocabulary")
        }
        return trainer.tokenizerFile(specialTokens: specialTokens)
    }

    private static func countWords(_ texts: some Sequence<String>) -> [[UInt8]: Int] {
        var counts: [[UInt8]: Int] = [:]
        let cutting = PreTokenizer(steps: [.words(.llama3(digits: 1))])
        for text in texts {
            let bytes = Array(text.utf8)
            var piece = AlignedText(bytes, 0..<bytes.count, tracksOrigins: false)
            Normalizer.canonical(.composed).apply(to: &piece)
            cutting.forEachWord(of: piece) { text, word in counts[Array(text.bytes[word]), default: 0] += 1 }
        }
        return counts
    }

    /// Numbers the bytes by the characters that spell them, so that '!' is 0, as everywhere.
    private init(wordCounts: [[UInt8]: Int]) {
        let order = (0..<256).sorted { ByteAlphabet.scalars[$0].value < ByteAlphabet.scalars[$1].value }
        tokens = order.map { [UInt8($0)] }
        var idOfByte = [Int32](repeating: 0, count: 256)
        for (id, byte) in order.enumerated() { idOfByte[byte] = Int32(id) }
        words = wordCounts.map { bytes, count in
            Word(symbols: bytes.map { idOfByte[Int($0)] }, count: count)
        }
        for (index, word) in words.enumerated() {
            for pair in Self.pairs(word.symbols) {
                counts[pair, default: 0] += word.count
                places[pair, default: []].insert(Int32(index))
            }
        }
        for (pair, count) in counts { candidates.push(Candidate(count: count, pair: pair)) }
    }

    private mutating func learn(_ limit: Int) {
        while merges.count < limit, let best = candidates.pop() {
            let count = counts[best.pair] ?? 0
            guard count > 0 else { continue }
            if count == best.count {
                merge(best.pair)
            } else {
                candidates.push(Candidate(count: count, pair: best.pair))
            }
        }
    }

    private mutating func merge(_ pair: UInt64) {
        let left = Int32(truncatingIfNeeded: pair >> 32)
        let right = Int32(truncatingIfNeeded: pair & 0xffff_ffff)
        let result = Int32(tokens.count)
        tokens.append(tokens[Int(left)] + tokens[Int(right)])
        merges.append((left, right))
        var changed: Set<UInt64> = []
        for place in places.removeValue(forKey: pair) ?? [] {
            let word = words[Int(place)]
            var symbols: [Int32] = []
            var index = 0
            while index < word.symbols.count {
                let isPair =
                    index + 1 < word.symbols.count && word.symbols[index] == left && word.symbols[index + 1] == right
                symbols.append(isPair ? result : word.symbols[index])
                index += isPair ? 2 : 1
            }
            for old in Self.pairs(word.symbols) { counts[old, default: 0] -= word.count }
            for new in Self.pairs(symbols) {
                counts[new, default: 0] += word.count
                // Only pairs with the new token can be new in a word.
                if new >> 32 == UInt64(result) || new & 0xffff_ffff == UInt64(result) {
                    places[new, default: []].insert(place)
                    changed.insert(new)
                }
            }
            words[Int(place)].symbols = symbols
        }
        counts[pair] = nil
        for new in changed { candidates.push(Candidate(count: counts[new] ?? 0, pair: new)) }
    }

    private static func pairs(_ symbols: [Int32]) -> some Sequence<UInt64> {
        zip(symbols, symbols.dropFirst()).lazy.map { UInt64(UInt32($0)) << 32 | UInt64(UInt32($1)) }
    }
}
