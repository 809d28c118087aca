/// Unicode's canonical normal forms, composed (NFC) and decomposed (NFD), by the standard's algorithm.
///
/// Foundation's on Linux is not used: it leaves Hangul syllables without their final consonant, takes old Korean
/// jamo for modern ones, and leaves some pairs apart. Marks newer than Unicode 9 keep their places, as in Hugging Face
/// tokenizers, whose vocabularies are learned from text normalised so.
///
/// Source: Unicode Standard Annex 15, and section 3.12 of the standard for Hangul.
enum CanonicalForm: Sendable {
    case composed
    case decomposed

    /// Whether a character stays in this form whatever is beside it, and nothing before it composes with it: text
    /// may be cut before it. O(1).
    @inline(__always)
    func isStable(_ value: UInt32) -> Bool {
        if value < 0xc0 { return true }
        guard value < UInt32(Self.tables.kinds.count) else { return true }
        return Self.tables.kinds[Int(value)] & (self == .composed ? Tables.changesComposed : Tables.changesDecomposed)
            == 0
    }

    /// The normal form of a text. O(n log n) at worst.
    func apply(to text: [UInt32]) -> [UInt32] {
        let tables = Self.tables
        var scalars: [UInt32] = []
        scalars.reserveCapacity(text.count + text.count / 2)
        for value in text { tables.decompose(value, into: &scalars) }
        tables.sortMarks(&scalars)
        return self == .composed ? tables.compose(scalars) : scalars
    }

    private static let tables = Tables()
}

/// What the algorithm looks up, read once from the list of decompositions and the standard library's properties.
private struct Tables: Sendable {
    static let changesComposed: UInt8 = 1
    static let changesDecomposed: UInt8 = 2

    /// Flags by character; characters beyond the end change in no form and are no marks.
    private(set) var kinds = [UInt8](repeating: 0, count: 0x2_fa20)
    /// Canonical combining classes by character; 0 beyond the end.
    private var classes = [UInt8](repeating: 0, count: 0x2_0000)
    /// The one or two characters that a character decomposes into at first; the second is 0 for one.
    private var parts: [UInt32: (UInt32, UInt32)] = [:]
    private var compositions: [UInt64: UInt32] = [:]

    init() {
        for value in UInt32(0x300)..<UInt32(classes.count) {
            guard let properties = Unicode.Scalar(value)?.properties else { continue }
            let combining = properties.canonicalCombiningClass.rawValue
            guard combining != 0, let age = properties.age, (age.major, age.minor) <= (9, 0) else { continue }
            classes[Int(value)] = combining
            kinds[Int(value)] = Self.changesComposed | Self.changesDecomposed
        }
        for entry in CanonicalDecompositions.text.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0a }) {
            let composes = entry.contains(UInt8(ascii: "+"))
            let numbers = entry.split(whereSeparator: { !Self.isHexadecimal($0) }).map(Self.number)
            guard let whole = numbers.first, numbers.count > 1 else { continue }
            let second = numbers.count > 2 ? numbers[2] : 0
            parts[whole] = (numbers[1], second)
            kinds[Int(whole)] |= Self.changesDecomposed
            if composes {
                compositions[Self.key(numbers[1], second)] = whole
                kinds[Int(second)] |= Self.changesComposed
            } else {
                kinds[Int(whole)] |= Self.changesComposed
            }
        }
        for vowel in Hangul.vowels { kinds[Int(vowel)] |= Self.changesComposed }
        for final in Hangul.finals { kinds[Int(final)] |= Self.changesComposed }
        for syllable in Hangul.syllables { kinds[Int(syllable)] |= Self.changesDecomposed }
    }

    func decompose(_ value: UInt32, into scalars: inout [UInt32]) {
        if Hangul.syllables.contains(value) {
            Hangul.decompose(value, into: &scalars)
        } else if let (first, second) = parts[value] {
            // The first part may decompose further, the list is a few levels deep.
            decompose(first, into: &scalars)
            if second != 0 { decompose(second, into: &scalars) }
        } else {
            scalars.append(value)
        }
    }

    /// Sorts each run of marks by class; equals stay in order.
    func sortMarks(_ scalars: inout [UInt32]) {
        var start = 0
        while start < scalars.count {
            guard combiningClass(scalars[start]) != 0 else {
                start += 1
                continue
            }
            var end = start + 1
            var isSorted = true
            while end < scalars.count {
                let next = combiningClass(scalars[end])
                if next == 0 { break }
                if next < combiningClass(scalars[end - 1]) { isSorted = false }
                end += 1
            }
            if !isSorted {
                let run = scalars[start..<end].enumerated()
                    .sorted { (combiningClass($0.element), $0.offset) < (combiningClass($1.element), $1.offset) }
                for (offset, mark) in run.enumerated() { scalars[start + offset] = mark.element }
            }
            start = end
        }
    }

    /// Joins each character with the last one before it that starts a combination, unless a mark of the same or a
    /// higher class, or another such character, lies between.
    func compose(_ scalars: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(scalars.count)
        var starter: Int?
        for value in scalars {
            let combining = combiningClass(value)
            if let starter {
                let isNext = starter == result.count - 1
                if isNext || combiningClass(result[result.count - 1]) < combining,
                    let whole = composition(result[starter], value)
                {
                    result[starter] = whole
                    continue
                }
            }
            result.append(value)
            if combining == 0 { starter = result.count - 1 }
        }
        return result
    }

    private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.composition(first, second) ?? compositions[Self.key(first, second)]
    }

    private func combiningClass(_ value: UInt32) -> UInt8 {
        value < UInt32(classes.count) ? classes[Int(value)] : 0
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 {
        UInt64(first) << 32 | UInt64(second)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        0x30...0x39 ~= byte || 0x41...0x46 ~= byte
    }

    private static func number(_ digits: Substring.UTF8View.SubSequence) -> UInt32 {
        digits.reduce(0) { $0 << 4 | UInt32($1 < 0x40 ? $1 - 0x30 : $1 - 0x37) }
    }
}

/// Korean syllables, which are arithmetic of their letters: only modern ones compose.
private enum Hangul {
    static let syllables: Range<UInt32> = 0xac00..<0xac00 + 19 * 21 * 28
    static let leads: Range<UInt32> = 0x1100..<0x1100 + 19
    static let vowels: Range<UInt32> = 0x1161..<0x1161 + 21
    static let finals: Range<UInt32> = 0x11a8..<0x11a8 + 27

    static func decompose(_ syllable: UInt32, into scalars: inout [UInt32]) {
        let index = syllable - syllables.lowerBound
        scalars.append(leads.lowerBound + index / (21 * 28))
        scalars.append(vowels.lowerBound + index / 28 % 21)
        if index % 28 != 0 { scalars.append(finals.lowerBound + index % 28 - 1) }
    }

    static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if leads.contains(first), vowels.contains(second) {
            return syllables.lowerBound + ((first - leads.lowerBound) * 21 + second - vowels.lowerBound) * 28
        }
        if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0, finals.contains(second) {
            return first + second - finals.lowerBound + 1
        }
        return nil
    }
}
