/// The regular expressions by which byte-level tokenizers cut text into words, as hand-written scanners.
///
/// Each scanner gives exactly the matches of the pattern named beside it, which cover every character of a text.
enum WordPattern: Sendable, Equatable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|`
    /// `\s+(?!\S)|\s+` of Llama 3, with up to 3 digits; Qwen 2 has `\p{N}`, 1 digit.
    case llama3(digits: Int)
    /// Numbers apart from the rest: digit by digit, or runs of them.
    case digits(individual: Bool)

    /// The scanner of a pattern as written in a tokenizer's file; `nil` for one that is not known.
    init?(regularExpression: String) {
        let known: [WordPattern] = [.gpt2, .llama3(digits: 3), .llama3(digits: 1)]
        guard let pattern = known.first(where: { $0.regularExpression == regularExpression }) else { return nil }
        self = pattern
    }

    /// The pattern as written in a tokenizer's file.
    var regularExpression: String {
        switch self {
        case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        case .llama3(let digits):
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + (digits == 1 ? "" : "{1,\(digits)}")
                + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        case .digits(let individual): individual ? #"\p{N}"# : #"\p{N}+"#
        }
    }

    /// The end of the word that starts at `start`, at most `end`, where the text is taken to end.
    ///
    /// - Precondition: `start < end`, and both are at boundaries of scalars.
    func wordEnd(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        switch self {
        case .gpt2: gpt2End(bytes, start, end)
        case .llama3(let digits): llama3End(bytes, start, end, digits)
        case .digits(let individual): digitsEnd(bytes, start, end, individual)
        }
    }

    private func gpt2End(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        if let contraction = contractionEnd(bytes, start, end, ignoringCase: false) { return contraction }
        let first = ScalarClass.of(UTF8Scalar.decode(bytes, at: start).value)
        if first != .space { return runEnd(bytes, start, end, of: first) }
        if bytes[start] == UInt8(ascii: " "), start + 1 < end {
            let second = ScalarClass.of(UTF8Scalar.decode(bytes, at: start + 1).value)
            if second != .space { return runEnd(bytes, start + 1, end, of: second) }
        }
        return spaceEnd(bytes, start, end, endsAtNewline: false)
    }

    private func llama3End(_ bytes: [UInt8], _ start: Int, _ end: Int, _ digits: Int) -> Int {
        if let contraction = contractionEnd(bytes, start, end, ignoringCase: true) { return contraction }
        let (value, length) = UTF8Scalar.decode(bytes, at: start)
        let first = ScalarClass.of(value)
        let second = start + length
        switch first {
        case .letter: return runEnd(bytes, second, end, of: .letter)
        case .number:
            var position = second
            var count = 1
            while count < digits, position < end {
                let (value, length) = UTF8Scalar.decode(bytes, at: position)
                guard ScalarClass.of(value) == .number else { break }
                position += length
                count += 1
            }
            return position
        case .space, .other: break
        }
        let follower = second < end ? ScalarClass.of(UTF8Scalar.decode(bytes, at: second).value) : nil
        if follower == .letter, value != 0x0a, value != 0x0d { return runEnd(bytes, second, end, of: .letter) }
        if first == .other || (value == 0x20 && follower == .other) {
            var position = runEnd(bytes, second, end, of: .other)
            while position < end, bytes[position] == 0x0a || bytes[position] == 0x0d { position += 1 }
            return position
        }
        return spaceEnd(bytes, start, end, endsAtNewline: true)
    }

    private func digitsEnd(_ bytes: [UInt8], _ start: Int, _ end: Int, _ individual: Bool) -> Int {
        var (value, length) = UTF8Scalar.decode(bytes, at: start)
        let isNumber = ScalarClass.of(value) == .number
        var position = start + length
        if isNumber && individual { return position }
        while position < end {
            (value, length) = UTF8Scalar.decode(bytes, at: position)
            guard (ScalarClass.of(value) == .number) == isNumber else { break }
            position += length
        }
        return position
    }

    /// The end of the run of characters of one class from `start`.
    private func runEnd(_ bytes: [UInt8], _ start: Int, _ end: Int, of kind: ScalarClass) -> Int {
        var position = start
        while position < end {
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            guard ScalarClass.of(value) == kind else { break }
            position += length
        }
        return position
    }

    /// `\s*[\r\n]+` where asked for, then `\s+(?!\S)`, then `\s+`: up to the last line break in the run of spaces, or
    /// the run without its last space where a word follows, or the run.
    private func spaceEnd(_ bytes: [UInt8], _ start: Int, _ end: Int, endsAtNewline: Bool) -> Int {
        var position = start
        var lastStart = start
        var newlineEnd = start
        while position < end {
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            guard ScalarClass.of(value) == .space else { break }
            lastStart = position
            position += length
            if value == 0x0a || value == 0x0d { newlineEnd = position }
        }
        if endsAtNewline && newlineEnd > start { return newlineEnd }
        return position == end || lastStart == start ? position : lastStart
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d`. Without regard to case, the long s (U+017F) is an s too.
    private func contractionEnd(_ bytes: [UInt8], _ start: Int, _ end: Int, ignoringCase: Bool) -> Int? {
        guard bytes[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
        let fold: UInt8 = ignoringCase ? 0x20 : 0
        let second: UInt8 = start + 2 < end ? bytes[start + 2] | fold : 0
        switch (bytes[start + 1] | fold, second) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: break
        }
        if ignoringCase, bytes[start + 1] == 0xc5, bytes[start + 2] == 0xbf { return start + 3 }
        return nil
    }
}
