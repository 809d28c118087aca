/// A piece of text on its way through a tokenizer's normalisers, and where in the original text its bytes come from.
struct AlignedText {
    /// The bytes; those of the piece are `bytes[range]`.
    private(set) var bytes: [UInt8]
    private(set) var range: Range<Int>
    /// For each byte the original range it comes from; `nil` where the bytes still are the original ones.
    private var origins: [Range<Int>]?
    /// Whether the piece begins where the whole original text does, and nothing at its beginning was left out.
    private(set) var isAtStart: Bool
    private let tracksOrigins: Bool

    /// - Parameters:
    ///   - bytes: the whole original text.
    ///   - range: the piece of it.
    ///   - tracksOrigins: `false` saves the bookkeeping where only tokens are asked for.
    init(_ bytes: [UInt8], _ range: Range<Int>, tracksOrigins: Bool) {
        self.bytes = bytes
        self.range = range
        self.tracksOrigins = tracksOrigins
        isAtStart = range.lowerBound == 0
    }

    /// A part of a piece.
    init(_ piece: AlignedText, _ part: Range<Int>) {
        bytes = piece.bytes
        range = part
        origins = piece.origins
        tracksOrigins = piece.tracksOrigins
        isAtStart = piece.isAtStart && part.lowerBound == piece.range.lowerBound
    }

    /// The original bytes that `part` of `bytes` comes from.
    func origin(of part: Range<Int>) -> Range<Int> {
        guard let origins, !part.isEmpty else { return part }
        return origins[part.lowerBound].lowerBound..<origins[part.upperBound - 1].upperBound
    }

    /// Puts `text` before the piece unless that is empty; it counts as coming from the first character.
    mutating func prepend(_ text: [UInt8]) {
        guard let first = range.first else { return }
        let length = UTF8Scalar.length(lead: bytes[first])
        let start = origin(of: first..<first + length)
        var result = Builder(source: self)
        result.append(text, from: start)
        result.copy(range)
        take(result)
    }

    /// Replaces each occurrence of `pattern`, from left to right.
    mutating func replace(_ pattern: [UInt8], by content: [UInt8]) {
        guard !pattern.isEmpty, let initial = pattern.first else { return }
        var matches: [Int] = []
        var position = range.lowerBound
        while position + pattern.count <= range.upperBound {
            if bytes[position] == initial, bytes[position..<position + pattern.count].elementsEqual(pattern) {
                matches.append(position)
                position += pattern.count
            } else {
                position += 1
            }
        }
        guard !matches.isEmpty else { return }
        var result = Builder(source: self)
        var copied = range.lowerBound
        if content.isEmpty, matches[0] == range.lowerBound { isAtStart = false }
        for match in matches {
            result.copy(copied..<match)
            copied = match + pattern.count
            result.append(content, from: origin(of: match..<copied))
        }
        result.copy(copied..<range.upperBound)
        take(result)
    }

    /// Replaces whole parts of the piece: `changes` in order, each a part of `range` and its new bytes.
    mutating func replace(_ changes: [(part: Range<Int>, content: [UInt8])]) {
        guard !changes.isEmpty else { return }
        var result = Builder(source: self)
        var copied = range.lowerBound
        if let first = changes.first, first.content.isEmpty, first.part.lowerBound == copied, !first.part.isEmpty {
            isAtStart = false
        }
        for change in changes {
            result.copy(copied..<change.part.lowerBound)
            result.append(change.content, from: origin(of: change.part))
            copied = change.part.upperBound
        }
        result.copy(copied..<range.upperBound)
        take(result)
    }

    /// Spells each byte in GPT-2's alphabet.
    mutating func spellBytes() {
        var result = Builder(source: self)
        for index in range {
            result.append(ByteAlphabet.spellings[Int(bytes[index])], from: origin(of: index..<index + 1))
        }
        take(result)
    }

    /// Leaves out white space at the ends.
    mutating func strip(left: Bool, right: Bool) {
        var start = range.lowerBound
        var end = range.upperBound
        while left, start < end {
            let (value, length) = UTF8Scalar.decode(bytes, at: start)
            guard ScalarClass.of(value) == .space else { break }
            start += length
        }
        while right, end > start {
            let last = UTF8Scalar.start(bytes, before: end)
            guard ScalarClass.of(UTF8Scalar.decode(bytes, at: last).value) == .space else { break }
            end = last
        }
        replace([(range.lowerBound..<start, []), (end..<range.upperBound, [])])
    }

    func starts(with text: [UInt8]) -> Bool {
        bytes[range].starts(with: text)
    }

    private mutating func take(_ builder: Builder) {
        range = 0..<builder.bytes.count
        bytes = builder.bytes
        origins = builder.origins
    }

    private struct Builder {
        let source: AlignedText
        var bytes: [UInt8] = []
        var origins: [Range<Int>]?

        init(source: AlignedText) {
            self.source = source
            bytes.reserveCapacity(source.range.count + source.range.count / 4 + 8)
            if source.tracksOrigins { origins = [] }
        }

        mutating func copy(_ part: Range<Int>) {
            bytes.append(contentsOf: source.bytes[part])
            guard source.tracksOrigins else { return }
            for index in part { origins?.append(source.origins?[index] ?? index..<index + 1) }
        }

        mutating func append(_ text: [UInt8], from origin: Range<Int>) {
            bytes.append(contentsOf: text)
            guard source.tracksOrigins else { return }
            origins?.append(contentsOf: repeatElement(origin, count: text.count))
        }
    }
}
