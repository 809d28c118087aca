/// Python's ways to cut a string. `most` cuts at most; negative for any number.
extension Text {
    func pieces(around separator: Text, most: Int = -1) -> [Text] {
        var pieces: [Text] = []
        var start = 0
        while pieces.count != most, let place = find(separator, from: start) {
            pieces.append(Text(bytes[start..<place]))
            start = place + separator.bytes.count
        }
        pieces.append(Text(bytes[start...]))
        return pieces
    }

    func piecesFromEnd(around separator: Text, most: Int) -> [Text] {
        var pieces: [Text] = []
        var end = bytes.count
        var place = end - separator.bytes.count
        while pieces.count != most, place >= 0 {
            if bytes[place..<end].starts(with: separator.bytes) {
                pieces.append(Text(bytes[(place + separator.bytes.count)..<end]))
                end = place
                place -= separator.bytes.count
            } else {
                place -= 1
            }
        }
        pieces.append(Text(bytes[..<end]))
        return pieces.reversed()
    }

    /// Cut at white space, with none of it left.
    func words(most: Int = -1) -> [Text] {
        var words: [Text] = []
        var rest = trimmed(.start)
        while !rest.isEmpty {
            if words.count == most {
                words.append(rest)
                break
            }
            var place = 0
            while let (scalar, next) = Text.scalar(in: rest.bytes, at: place, end: rest.bytes.count),
                !Text.isSpace(scalar)
            { place = next }
            words.append(Text(rest.bytes[..<place]))
            rest = Text(rest.bytes[place...]).trimmed(.start)
        }
        return words
    }

    func wordsFromEnd(most: Int) -> [Text] {
        var words: [Text] = []
        var rest = trimmed(.end)
        while !rest.isEmpty {
            if words.count == most {
                words.append(rest)
                break
            }
            var place = rest.bytes.count
            while let (scalar, start) = Text.scalar(in: rest.bytes, before: place, start: 0), !Text.isSpace(scalar) {
                place = start
            }
            words.append(Text(rest.bytes[place...]))
            rest = Text(rest.bytes[..<place]).trimmed(.end)
        }
        return words.reversed()
    }

    /// `splitlines`: at every kind of line end that Python knows.
    func lines(keepsEnds: Bool = false) -> [Text] {
        var lines: [Text] = []
        var (start, place) = (0, 0)
        while let (scalar, next) = Text.scalar(in: bytes, at: place, end: bytes.count) {
            var end = next
            switch scalar.value {
            case 0x0D:
                if end < bytes.count, bytes[end] == 0x0A { end += 1 }
            case 0x0A...0x0C, 0x1C...0x1E, 0x85, 0x2028, 0x2029: break
            default:
                place = next
                continue
            }
            lines.append(Text(bytes[start..<(keepsEnds ? end : place)]))
            (start, place) = (end, end)
        }
        if start < bytes.count { lines.append(Text(bytes[start...])) }
        return lines
    }
}
