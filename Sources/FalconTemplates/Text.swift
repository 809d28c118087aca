/// A string as Python has it: counted and cut by Unicode scalars, equal only where its bytes are.
///
/// Swift's strings are equal by canonical equivalence and counted by graphemes, both of which templates would notice.
struct Text: Sendable, Hashable {
    /// UTF-8, always whole scalars.
    let bytes: [UInt8]
    let count: Int
    /// What `safe` and `escape` give: text that escapes what is joined to it.
    let isMarkup: Bool

    static let empty = Text([], count: 0)

    init(_ bytes: [UInt8], isMarkup: Bool = false) {
        self.bytes = bytes
        var continuations = 0
        for byte in bytes where byte & 0xC0 == 0x80 { continuations &+= 1 }
        count = bytes.count &- continuations
        self.isMarkup = isMarkup
    }

    init(_ bytes: ArraySlice<UInt8>, isMarkup: Bool = false) { self.init(Array(bytes), isMarkup: isMarkup) }

    init(_ string: String) { self.init(Array(string.utf8)) }

    /// With the number of scalars known.
    private init(_ bytes: [UInt8], count: Int) {
        self.bytes = bytes
        self.count = count
        isMarkup = false
    }

    func repeated(_ times: Int) -> Text {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * times)
        for _ in 0..<times { result += bytes }
        return Text(result, count: count * times).marked(isMarkup)
    }

    static func + (left: Text, right: Text) -> Text {
        Text(left.bytes + right.bytes, count: left.count + right.count)
    }

    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(String(view))
    }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    var scalars: String.UnicodeScalarView { string.unicodeScalars }

    var isASCII: Bool { count == bytes.count }

    var isEmpty: Bool { bytes.isEmpty }

    static func == (left: Text, right: Text) -> Bool { left.bytes == right.bytes }

    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    func marked(_ isMarkup: Bool) -> Text { isMarkup == self.isMarkup ? self : Text(bytes, isMarkup: isMarkup) }

    /// The place of scalar `index`, which may be `count`, in bytes.
    func offset(of index: Int) -> Int {
        if isASCII { return index }
        var seen = -1
        for (place, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 {
            seen += 1
            if seen == index { return place }
        }
        return bytes.count
    }

    /// How many scalars lie before a place in bytes.
    func index(of offset: Int) -> Int {
        isASCII ? offset : bytes[..<offset].reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    }

    /// Scalars of a range, which must lie inside.
    func cut(_ range: Range<Int>) -> Text {
        range == 0..<count ? self : Text(bytes[offset(of: range.lowerBound)..<offset(of: range.upperBound)])
    }

    /// The first place, in bytes, of other text, from a place on; `nil` for none.
    func find(_ other: Text, from start: Int = 0) -> Int? { bytes[...].place(of: other.bytes, from: start) }

    func findLast(_ other: Text) -> Int? {
        var place = bytes.count - other.bytes.count
        while place >= 0 {
            if bytes[place...].starts(with: other.bytes) { return place }
            place -= 1
        }
        return nil
    }

    func hasPrefix(_ other: Text) -> Bool { bytes.starts(with: other.bytes) }

    func hasSuffix(_ other: Text) -> Bool {
        bytes.count >= other.bytes.count && bytes[(bytes.count - other.bytes.count)...].elementsEqual(other.bytes)
    }
}

extension ArraySlice<UInt8> {
    /// The first place of `mark`, not empty text, at or after `start`; with empty text `start` itself.
    func place(of mark: [UInt8], from start: Int) -> Int? {
        guard let first = mark.first else { return start <= endIndex ? start : nil }
        var place = start
        let last = endIndex - mark.count
        while place <= last {
            if self[place] == first {
                var matched = 1
                while matched < mark.count, self[place + matched] == mark[matched] { matched += 1 }
                if matched == mark.count { return place }
            }
            place += 1
        }
        return nil
    }
}

extension Text {
    /// What Python's `str.isspace` holds for white space: Unicode's, and the four separators U+001C to U+001F.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 9...13, 28...32, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    enum Side { case start, end, both }

    func trimmed(_ side: Side = .both, where isTrimmed: (Unicode.Scalar) -> Bool = Text.isSpace) -> Text {
        var (start, end) = (0, bytes.count)
        if side != .end {
            while let (scalar, next) = Text.scalar(in: bytes, at: start, end: end), isTrimmed(scalar) { start = next }
        }
        if side != .start {
            while let (scalar, place) = Text.scalar(in: bytes, before: end, start: start), isTrimmed(scalar) {
                end = place
            }
        }
        return start == 0 && end == bytes.count ? self : Text(bytes[start..<end], isMarkup: isMarkup)
    }

    /// The scalar at a place, and the place after it.
    static func scalar(in bytes: [UInt8], at place: Int, end: Int) -> (Unicode.Scalar, next: Int)? {
        guard place < end else { return nil }
        let byte = bytes[place]
        if byte < 0x80 { return (Unicode.Scalar(byte), place + 1) }
        var next = place + 1
        var value = UInt32(byte) & (byte >= 0xF0 ? 0x07 : byte >= 0xE0 ? 0x0F : 0x1F)
        while next < end, bytes[next] & 0xC0 == 0x80 {
            value = value << 6 | UInt32(bytes[next] & 0x3F)
            next += 1
        }
        return Unicode.Scalar(value).map { ($0, next) }
    }

    /// The scalar that ends at a place, and where it begins.
    static func scalar(in bytes: [UInt8], before end: Int, start: Int) -> (Unicode.Scalar, place: Int)? {
        guard end > start else { return nil }
        var place = end - 1
        while place > start, bytes[place] & 0xC0 == 0x80 { place -= 1 }
        return scalar(in: bytes, at: place, end: end).map { ($0.0, place) }
    }
}
