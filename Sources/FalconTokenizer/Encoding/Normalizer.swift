import Foundation

/// What a tokenizer does to text before it is cut into words.
enum Normalizer: Sendable {
    /// Unicode's canonical composition.
    case composition
    case prepend([UInt8])
    case replace([UInt8], by: [UInt8])

    func apply(to text: inout AlignedText) {
        switch self {
        case .composition: Self.compose(&text)
        case .prepend(let prefix): text.prepend(prefix)
        case .replace(let pattern, let content): text.replace(pattern, by: content)
        }
    }

    /// Canonical composition changes little of most text: only stretches around characters that could change are
    /// handed to Foundation, each from a character that composes with nothing before it.
    private static func compose(_ text: inout AlignedText) {
        let bytes = text.bytes
        let range = text.range
        // Characters below U+0300 start with bytes below 0xCC and are all composed.
        guard bytes[range].contains(where: { $0 >= 0xcc }) else { return }
        var changes: [(part: Range<Int>, content: [UInt8])] = []
        var start = range.lowerBound
        var isUnsure = false
        var position = range.lowerBound
        while position < range.upperBound {
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            if isComposed(value) {
                if isUnsure { compose(bytes, start..<position, into: &changes) }
                start = position
                isUnsure = false
            } else {
                isUnsure = true
            }
            position += length
        }
        if isUnsure { compose(bytes, start..<range.upperBound, into: &changes) }
        text.replace(changes)
    }

    private static func compose(
        _ bytes: [UInt8], _ part: Range<Int>, into changes: inout [(part: Range<Int>, content: [UInt8])]
    ) {
        let old = Array(bytes[part])
        let composed = Array(String(decoding: old, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
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

    /// Blocks of common characters that are composed already and compose with nothing before them (NFC_Quick_Check
    /// yes and combining class 0). Leaving some out costs time only.
    private static func isComposed(_ value: UInt32) -> Bool {
        switch value {
        case 0..<0x300, 0x0388...0x0482, 0x05d0...0x05ea, 0x0620...0x064a, 0x2010...0x2027, 0x2030...0x205f,
            0x2190...0x2328, 0x2400...0x2adb, 0x3000...0x3029, 0x3041...0x3096, 0x30a0...0x30ff, 0x4e00...0x9fff,
            0xac00...0xd7a3, 0xff00...0xffef, 0x1f300...0x1faff:
            true
        default: false
        }
    }
}
