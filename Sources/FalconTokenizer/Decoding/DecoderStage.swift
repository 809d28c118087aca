/// One step of a decoder at work, with what it has to keep until it has seen more.
///
/// Before the tokens are fused, what is pushed are whole tokens; afterwards they are parts of one long text, and what
/// comes out for them is the same however the text is cut, once all parts are joined.
struct DecoderStage {
    private let step: TokenDecoder.Step
    /// Whether what is pushed are parts of one text rather than tokens.
    private let receivesText: Bool
    private var pending: [UInt8] = []
    /// How many tokens came, or for `strip` how many characters may still be left out at the start of the text.
    private var count = 0
    /// In a text: whether it turned out to spell no bytes, so that it goes on as it is.
    private var isRaw = false

    /// `nil` where the step does nothing to what it receives.
    init?(_ step: TokenDecoder.Step, receivesText: Bool) {
        if step == .fuse { return nil }
        self.step = step
        self.receivesText = receivesText
        if case .strip(_, let start, _) = step { count = start }
    }

    /// Whether the step treats each token by itself.
    var isMemoryless: Bool {
        switch step {
        case .replace, .strip, .spell: !receivesText
        case .byteFallback, .fuse, .metaspace, .readUTF8, .space: false
        }
    }

    /// Adds a token or a part of the text; returns what is certain now.
    mutating func push(_ bytes: [UInt8]) -> [[UInt8]] {
        switch step {
        case .replace(let pattern, let content):
            return [receivesText ? replaceInText(bytes, pattern, content) : Self.replaced(bytes, pattern, content)]
        case .strip(let content, let start, let stop):
            if receivesText { return [stripText(bytes, content, stop)] }
            var left = start
            let rest = Self.stripped(bytes[...], content, &left)
            return [Array(rest.dropLast(Self.countAtEnd(rest, content, stop) * content.count))]
        case .metaspace(let mark, let dropsInFirst):
            defer { count += 1 }
            let content: [UInt8] = dropsInFirst && (receivesText || count == 0) ? [] : [0x20]
            return [Self.replaced(bytes, mark, content)]
        case .spell: return [receivesText ? spellText(bytes) : Self.spelled(bytes)]
        case .byteFallback:
            if receivesText { return waitForMoreThanAByte(bytes) }
            if let byte = TokenDecoder.byte(of: bytes) {
                pending.append(byte)
                return []
            }
            return takeByteRun() + [bytes]
        case .readUTF8:
            pending.append(contentsOf: bytes)
            return [takeWholeCharacters()]
        case .space:
            defer { count += 1 }
            return [count == 0 ? bytes : [0x20] + bytes]
        case .fuse: return [bytes]
        }
    }

    /// What was waiting for more.
    mutating func finish() -> [[UInt8]] {
        guard !pending.isEmpty else { return [] }
        switch step {
        case .byteFallback:
            guard receivesText else { return takeByteRun() }
            guard let byte = TokenDecoder.byte(of: pending) else { return [pending] }
            pending = [byte]
            return takeByteRun()
        case .readUTF8: return [Array(String(decoding: pending, as: UTF8.self).utf8)]
        case .spell: return [Self.spelled(pending)]
        case .replace: return [pending]
        // What waits to be stripped is at the end of the text; the others keep nothing.
        case .strip, .metaspace, .fuse, .space: return []
        }
    }

    private static func spelled(_ token: [UInt8]) -> [UInt8] {
        ByteAlphabet.rawBytes(of: String(decoding: token, as: UTF8.self)) ?? token
    }

    private static func replaced(_ token: [UInt8], _ pattern: [UInt8], _ content: [UInt8]) -> [UInt8] {
        var text = AlignedText(token, 0..<token.count, tracksOrigins: false)
        text.replace(pattern, by: content)
        return Array(text.bytes[text.range])
    }

    /// Keeps the end of the text as long as the pattern may go on after it.
    private mutating func replaceInText(_ bytes: [UInt8], _ pattern: [UInt8], _ content: [UInt8]) -> [UInt8] {
        pending.append(contentsOf: bytes)
        var result: [UInt8] = []
        var position = 0
        while position < pending.count {
            let matched = zip(pending[position...], pattern).prefix { $0 == $1 }.count
            if matched == pattern.count {
                result.append(contentsOf: content)
                position += matched
            } else if position + matched == pending.count {
                break
            } else {
                result.append(pending[position])
                position += 1
            }
        }
        pending.removeFirst(position)
        return result
    }

    /// Keeps as many characters at the end of the text as are left out there.
    private mutating func stripText(_ bytes: [UInt8], _ content: [UInt8], _ stop: Int) -> [UInt8] {
        pending.append(contentsOf: Self.stripped(bytes[...], content, &count))
        let kept = pending.count - Self.countAtEnd(pending[...], content, stop) * content.count
        defer { pending.removeFirst(kept) }
        return Array(pending[..<kept])
    }

    /// Leaves out up to `left` of `content` at the start; `left` is 0 once something else came.
    private static func stripped(_ text: ArraySlice<UInt8>, _ content: [UInt8], _ left: inout Int) -> ArraySlice<UInt8>
    {
        var rest = text
        while left > 0, !rest.isEmpty {
            if rest.starts(with: content) {
                rest = rest.dropFirst(content.count)
                left -= 1
            } else {
                left = 0
            }
        }
        return rest
    }

    /// How many of `content` the text ends with, at most `limit`.
    private static func countAtEnd(_ text: ArraySlice<UInt8>, _ content: [UInt8], _ limit: Int) -> Int {
        var count = 0
        var rest = text
        while count < limit, !rest.isEmpty, rest.suffix(content.count).elementsEqual(content) {
            rest = rest.dropLast(content.count)
            count += 1
        }
        return count
    }

    /// Only at its end is it known whether the whole text is spelled in the alphabet.
    private mutating func spellText(_ bytes: [UInt8]) -> [UInt8] {
        if isRaw { return bytes }
        pending.append(contentsOf: bytes)
        isRaw = ByteAlphabet.rawBytes(of: String(decoding: bytes, as: UTF8.self)) == nil
        return isRaw ? takePending() : []
    }

    /// The whole text may be spelled like a byte, but only a short one.
    private mutating func waitForMoreThanAByte(_ bytes: [UInt8]) -> [[UInt8]] {
        if isRaw { return [bytes] }
        pending.append(contentsOf: bytes)
        isRaw = pending.count > 6
        return isRaw ? [takePending()] : []
    }

    private mutating func takePending() -> [UInt8] {
        defer { pending = [] }
        return pending
    }

    /// The run of byte tokens before another token: a text for well-formed UTF-8, else U+FFFD for every byte.
    private mutating func takeByteRun() -> [[UInt8]] {
        defer { pending.removeAll(keepingCapacity: true) }
        if pending.isEmpty { return [] }
        if String(validating: pending, as: UTF8.self) != nil { return [pending] }
        return pending.map { _ in Array("\u{fffd}".utf8) }
    }

    /// All but a trailing sequence that more bytes could complete.
    private mutating func takeWholeCharacters() -> [UInt8] {
        var whole = pending.count
        // The last lead byte is among the last three bytes, or the end is not an unfinished character.
        for back in 1...3 where back <= pending.count {
            let byte = pending[pending.count - back]
            if byte & 0xc0 == 0x80 { continue }
            if byte >= 0xc2, byte < 0xf5, UTF8Scalar.length(lead: byte) > back, couldContinue(back) {
                whole = pending.count - back
            }
            break
        }
        defer { pending.removeFirst(whole) }
        return Array(String(decoding: pending[..<whole], as: UTF8.self).utf8)
    }

    /// Whether the last `count` bytes start a well-formed character: some second bytes are never allowed.
    private func couldContinue(_ count: Int) -> Bool {
        guard count > 1 else { return true }
        let second = pending[pending.count - count + 1]
        return switch pending[pending.count - count] {
        case 0xe0: second >= 0xa0
        case 0xed: second < 0xa0
        case 0xf0: second >= 0x90
        case 0xf4: second < 0x90
        default: true
        }
    }
}
