/// Finds added tokens in text: at each place the longest, from left to right.
struct AddedTokenMatcher: Sendable {
    /// What to look for, and the token that it is.
    struct Entry: Sendable {
        let content: [UInt8]
        let id: Int32
        let token: AddedToken
    }

    /// By first byte, longest first.
    private var byFirst: [[Entry]] = Array(repeating: [], count: 256)
    private var isEmpty = true

    init(_ tokens: [Entry]) {
        for entry in tokens {
            guard let first = entry.content.first else { continue }
            byFirst[Int(first)].append(entry)
            isEmpty = false
        }
        for first in byFirst.indices { byFirst[first].sort { $0.content.count > $1.content.count } }
    }

    /// Calls `body` with each stretch of `bytes[range]` in order: the id of an added token, or text
    /// between them (`nil`).
    func forEachStretch(of bytes: [UInt8], _ range: Range<Int>, _ body: (Range<Int>, Int32?) -> Void) {
        guard !isEmpty else {
            if !range.isEmpty { body(range, nil) }
            return
        }
        var done = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            guard let entry = match(bytes, at: position, range.upperBound) else {
                position += 1
                continue
            }
            let token = entry.token
            var start = position
            var end = position + entry.content.count
            position = end
            if token.isSingleWord, touchesWord(bytes, range, start, end) { continue }
            if token.stripsLeft { start = max(done, skipSpaceBackwards(bytes, start, range.lowerBound)) }
            if token.stripsRight { end = skipSpace(bytes, end, range.upperBound) }
            // All of it went with the token before.
            if start >= end { continue }
            if done < start { body(done..<start, nil) }
            body(start..<end, entry.id)
            done = end
        }
        if done < range.upperBound { body(done..<range.upperBound, nil) }
    }

    @inline(__always)
    private func match(_ bytes: [UInt8], at position: Int, _ end: Int) -> Entry? {
        let candidates = byFirst[Int(bytes[position])]
        if candidates.isEmpty { return nil }
        for entry in candidates where entry.content.count <= end - position {
            let content = entry.content
            var matched = 1
            while matched < content.count, bytes[position + matched] == content[matched] { matched += 1 }
            if matched == content.count { return entry }
        }
        return nil
    }

    private func touchesWord(_ bytes: [UInt8], _ range: Range<Int>, _ start: Int, _ end: Int) -> Bool {
        if end < range.upperBound, ScalarClass.isWord(UTF8Scalar.decode(bytes, at: end).value) { return true }
        guard start > range.lowerBound else { return false }
        return ScalarClass.isWord(UTF8Scalar.decode(bytes, at: UTF8Scalar.start(bytes, before: start)).value)
    }

    private func skipSpace(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        var position = start
        while position < end {
            let (value, length) = UTF8Scalar.decode(bytes, at: position)
            guard ScalarClass.of(value) == .space else { break }
            position += length
        }
        return position
    }

    private func skipSpaceBackwards(_ bytes: [UInt8], _ start: Int, _ lowest: Int) -> Int {
        var position = start
        while position > lowest {
            let before = UTF8Scalar.start(bytes, before: position)
            guard ScalarClass.of(UTF8Scalar.decode(bytes, at: before).value) == .space else { break }
            position = before
        }
        return position
    }
}
