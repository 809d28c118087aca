/// Words without quotes: numbers, truth values, dates and times.
enum TOMLScalar {
    typealias Word = ArraySlice<UInt8>

    /// - Returns: `nil` where the word is none of them, or a whole number that does not fit 64 bits.
    static func value(of word: Word) -> TOMLValue? {
        let text = String(decoding: word, as: UTF8.self)
        switch text {
        case "true": return .flag(true)
        case "false": return .flag(false)
        case "inf", "+inf": return .number(.infinity)
        case "-inf": return .number(-.infinity)
        case "nan", "+nan", "-nan": return .number(.nan)
        default: return TOMLMoment(word) == .valid ? .moment(text) : number(word)
        }
    }

    private static func number(_ word: Word) -> TOMLValue? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.starts(with: prefix.utf8) {
            let digits = word.dropFirst(2)
            guard isRun(digits, radix: radix) else { return nil }
            return Int(plain(digits), radix: radix).map(TOMLValue.integer)
        }
        var rest = word
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix { $0 != UInt8(ascii: ".") && $0 | 0x20 != UInt8(ascii: "e") }
        guard isRun(whole, radix: 10), whole.count == 1 || whole.first != UInt8(ascii: "0") else { return nil }
        rest.removeFirst(whole.count)
        if rest.isEmpty { return Int(plain(word)).map(TOMLValue.integer) }
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix { $0 | 0x20 != UInt8(ascii: "e") }
            guard isRun(fraction, radix: 10) else { return nil }
            rest.removeFirst(1 + fraction.count)
        }
        if !rest.isEmpty {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
            guard isRun(rest, radix: 10) else { return nil }
        }
        return Double(plain(word)).map(TOMLValue.number)
    }

    /// Digits, with single underscores between them.
    private static func isRun(_ word: Word, radix: Int) -> Bool {
        var lastWasDigit = false
        for byte in word {
            if byte == UInt8(ascii: "_") {
                guard lastWasDigit else { return false }
                lastWasDigit = false
            } else {
                guard byte < 0x80, let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix else {
                    return false
                }
                lastWasDigit = true
            }
        }
        return lastWasDigit
    }

    private static func plain(_ word: Word) -> String {
        String(decoding: word.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    }
}
