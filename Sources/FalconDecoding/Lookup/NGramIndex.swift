/// Where the end of a text came before in it, and what followed there.
///
/// For stretches of 4, 2 and 1 tokens it knows the last place where each ended, and for each place the one before:
///
///     text    a b c x   y a b c d   z a b c |     behind the newest "y a b c" came d, behind the older one x
///                   1         2           end      "b c" ended at 2 last, and before that at 1
///
/// Adding a token takes a few look-ups, asking for continuations a bounded number of comparisons; memory is linear in
/// the text.
struct NGramIndex {
    /// What followed an earlier place that looks like the text's end.
    struct Candidate: Equatable {
        let token: Int32
        /// How many tokens match there at most: `lengthLimit` stands for all above.
        let length: Int
        /// Its place among the candidates, those of longer matches first, then the newer ones.
        let rank: Int
        let agreement: Agreement
    }

    /// What the places say that match nearly as long as the longest one.
    enum Agreement: Int, CaseIterable {
        /// There is one place only.
        case once
        /// There are several, and the same token followed everywhere.
        case repeated
        /// Other tokens followed elsewhere.
        case disputed
    }

    /// Longer matches are told apart no more.
    static let lengthLimit = 20
    /// The most candidates.
    static let candidateLimit = 4

    private struct Chain {
        let length: Int
        /// The last place where each stretch ended.
        var last: [UInt64: Int32] = [:]
        /// For each place the one before where the same stretch ended; -1 where there is none.
        var previous: [Int32] = []
    }

    private(set) var tokens: [Int32] = []
    /// The longest first.
    private var chains = [4, 2, 1].map { Chain(length: $0) }
    /// How many places of one chain are looked at.
    private static let stepLimit = 12

    init(_ tokens: some Sequence<Int32> = []) {
        for token in tokens { append(token) }
    }

    mutating func append(_ token: Int32) {
        tokens.append(token)
        let place = tokens.count - 1
        for index in chains.indices {
            let length = chains[index].length
            guard tokens.count >= length else {
                chains[index].previous.append(-1)
                continue
            }
            let key = NGramIndex.key(length) { tokens[place - $0] }
            let before = chains[index].last.updateValue(Int32(place), forKey: key)
            chains[index].previous.append(before ?? -1)
        }
    }

    /// What followed where the text, with `path` behind it, came before.
    func candidates(after path: [Int32] = []) -> [Candidate] {
        let (known, count) = (tokens.count, tokens.count + path.count)
        func token(_ place: Int) -> Int32 { place < known ? tokens[place] : path[place - known] }
        func matching(_ place: Int) -> Int {
            var length = 0
            while length < NGramIndex.lengthLimit, place >= length,
                tokens[place - length] == token(count - 1 - length)
            { length += 1 }
            return length
        }
        var places: [(next: Int, length: Int)] = []
        var longer = Int.max
        for chain in chains where count >= chain.length {
            var place = Int(chain.last[NGramIndex.key(chain.length) { token(count - 1 - $0) }] ?? -1)
            for _ in 0..<NGramIndex.stepLimit where place >= 0 {
                // Behind the end itself nothing follows.
                if place + 1 < count {
                    let length = matching(place)
                    if length >= chain.length, length < longer { places.append((place + 1, length)) }
                }
                place = Int(chain.previous[place])
            }
            longer = chain.length
        }
        guard let longest = places.map(\.length).max() else { return [] }
        places.sort { ($0.length, $0.next) > ($1.length, $1.next) }

        var candidates: [Candidate] = []
        let first = token(places[0].next)
        let near = places.prefix { $0.length >= (longest + 1) / 2 }
        let agreement: Agreement =
            near.contains { token($0.next) != first } ? .disputed : near.count > 1 ? .repeated : .once
        for place in places where candidates.count < NGramIndex.candidateLimit {
            let next = token(place.next)
            guard !candidates.contains(where: { $0.token == next }) else { continue }
            candidates.append(
                Candidate(token: next, length: place.length, rank: candidates.count, agreement: agreement))
        }
        return candidates
    }

    /// Stretches may share a key: whoever follows a chain compares tokens.
    ///
    /// - Parameter token: the tokens of the stretch, the last one at 0.
    private static func key(_ length: Int, _ token: (Int) -> Int32) -> UInt64 {
        var key: UInt64 = 0
        for index in 0..<length {
            key = key &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(UInt32(bitPattern: token(index))) &+ 1
        }
        return key
    }
}
