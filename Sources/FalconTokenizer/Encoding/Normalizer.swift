/// What a tokenizer does to text before it is cut into words.
enum Normalizer: Sendable {
    /// NFC or NFD.
    case canonical(CanonicalForm)
    case prepend([UInt8])
    case replace([UInt8], by: [UInt8])
    case replaceMatches(WordExpression, by: [UInt8])
    case lowercase
    /// Leaves out white space at the ends.
    case strip(left: Bool, right: Bool)
    /// Spells the bytes in GPT-2's alphabet.
    case spellBytes

    func apply(to text: inout AlignedText) {
        switch self {
        case .canonical(let form): Self.normalize(&text, form)
        case .prepend(let prefix): text.prepend(prefix)
        case .replace(let pattern, let content): text.replace(pattern, by: content)
        case .replaceMatches(let expression, let content):
            var changes: [(part: Range<Int>, content: [UInt8])] = []
            expression.forEachMatch(in: text.bytes, text.range) { changes.append(($0, content)) }
            text.replace(changes)
        case .lowercase: Self.lowercase(&text)
        case .strip(let left, let right): text.strip(left: left, right: right)
        case .spellBytes: text.spellBytes()
        }
    }

    private static func lowercase(_ text: inout AlignedText) {
        var changes: [(part: Range<Int>, content: [UInt8])] = []
        var position = text.range.lowerBound
        while position < text.range.upperBound {
            let (value, length) = UTF8Scalar.decode(text.bytes, at: position)
            if let scalar = Unicode.Scalar(value) {
                let lower = Array(scalar.properties.lowercaseMapping.utf8)
                let part = position..<position + length
                if !text.bytes[part].elementsEqual(lower) { changes.append((part, lower)) }
            }
            position += length
        }
        text.replace(changes)
    }

    /// A normal form changes little of most text: only stretches with characters that could change are worked on,
    /// each from a character that stays whatever is before it.
    private static func normalize(_ text: inout AlignedText, _ form: CanonicalForm) {
        let bytes = text.bytes
        let range = text.range
        // Characters below U+00C0 start with bytes below 0xC3 and stay.
        guard bytes[range].contains(where: { $0 >= 0xc3 }) else { return }
        var changes: [(part: Range<Int>, content: [UInt8])] = []
        var start = range.lowerBound
        var isUnsure = false
        var position = range.lowerBound
        while position < range.upperBound {
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            if form.isStable(value) {
                if isUnsure { normalize(bytes, start..<position, form, into: &changes) }
                start = position
                isUnsure = false
            } else {
                isUnsure = true
            }
            position += length
        }
        if isUnsure { normalize(bytes, start..<range.upperBound, form, into: &changes) }
        text.replace(changes)
    }

    private static func normalize(
        _ bytes: [UInt8], _ part: Range<Int>, _ form: CanonicalForm,
        into changes: inout [(part: Range<Int>, content: [UInt8])]
    ) {
        let old = Array(bytes[part])
        let scalars = String(decoding: old, as: UTF8.self).unicodeScalars.map(\.value)
        var new = String.UnicodeScalarView()
        new.append(contentsOf: form.apply(to: scalars).compactMap(Unicode.Scalar.init))
        let composed = Array(String(new).utf8)
        guard old != composed else { return }
        // Leave out whole characters that stay at both ends, so that the origins of tokens are as narrow as can be.
        var head = 0
        while head < min(old.count, composed.count), old[head] == composed[head] { head += 1 }
        while head > 0, isContinuation(old, head) || isContinuation(composed, head) { head -= 1 }
        var tail = 0
        while tail < min(old.count, composed.count) - head,
            old[old.count - 1 - tail] == composed[composed.count - 1 - tail]
        {
            tail += 1
        }
        while tail > 0, isContinuation(old, old.count - tail) || isContinuation(composed, composed.count - tail) {
            tail -= 1
        }
        let changed = part.lowerBound + head..<part.upperBound - tail
        changes.append((changed, Array(composed[head..<composed.count - tail])))
    }

    private static func isContinuation(_ bytes: [UInt8], _ index: Int) -> Bool {
        index < bytes.count && bytes[index] & 0xc0 == 0x80
    }
}
