/// A set of Unicode scalars as a regular expression writes one: `\p{L}`, `[^\s\p{L}]`, `[a-z]`, `x`.
struct ScalarSet: Sendable, Hashable {
    /// What is true of a scalar beside its category.
    struct Traits: OptionSet, Hashable, Sendable {
        let rawValue: UInt8
        static let space = Traits(rawValue: 1)
        static let notSpace = Traits(rawValue: 2)
        static let word = Traits(rawValue: 4)
        static let notWord = Traits(rawValue: 8)
    }

    /// One bit for each general category, see `GeneralCategories`.
    private var categories: UInt32 = 0
    /// Sorted, none touching another.
    private var ranges: [ClosedRange<UInt32>] = []
    private var traits: Traits = []
    private var isNegated = false
    /// The answers for ASCII.
    private var lowASCII: UInt64 = 0
    private var highASCII: UInt64 = 0

    /// - Parameters:
    ///   - categories: one bit for each general category in the set.
    ///   - ranges: further scalars.
    ///   - isNegated: whether the set is of all other scalars.
    init(
        categories: UInt32 = 0, ranges: [ClosedRange<UInt32>] = [], traits: Traits = [], isNegated: Bool = false
    ) {
        self.categories = categories
        self.traits = traits
        self.isNegated = isNegated
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound + 1 {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
        for value in UInt32(0)..<64 {
            if search(value) { lowASCII |= 1 << UInt64(value) }
            if search(value + 64) { highASCII |= 1 << UInt64(value) }
        }
    }

    /// `\w` outside of brackets.
    static func word(isNegated: Bool) -> ScalarSet {
        ScalarSet(ranges: [0xb2...0xb3, 0xb9...0xb9, 0xbc...0xbe], traits: .word, isNegated: isNegated)
    }

    @inline(__always)
    func contains(_ value: UInt32) -> Bool {
        if value < 64 { return lowASCII >> UInt64(value) & 1 != 0 }
        if value < 128 { return highASCII >> UInt64(value - 64) & 1 != 0 }
        return search(value)
    }

    private func search(_ value: UInt32) -> Bool {
        (GeneralCategories.bit(of: value) & categories != 0 || isInRanges(value) || hasTrait(value)) != isNegated
    }

    private func isInRanges(_ value: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(value)
    }

    private func hasTrait(_ value: UInt32) -> Bool {
        if traits.isEmpty { return false }
        if !traits.isDisjoint(with: [.space, .notSpace]) {
            if traits.contains(ScalarClass.of(value) == .space ? .space : .notSpace) { return true }
        }
        if traits.isDisjoint(with: [.word, .notWord]) { return false }
        return traits.contains(GeneralCategories.isWord(value) ? .word : .notWord)
    }
}
