/// Dates and times: `1979-05-27`, `07:32:00.5`, or both with a `T` or a space between them and perhaps `Z` or an
/// offset behind.
enum TOMLMoment {
    case valid
    /// Written as one, but of a day or an hour that no calendar or clock has.
    case impossible

    /// - Returns: `nil` where the word does not have the form of a date or a time at all.
    init?(_ word: ArraySlice<UInt8>) {
        var rest = word
        /// Takes as many bytes as the form has, and gives the number that its digits make; `d` stands for a digit.
        func number(_ form: String) -> Int? {
            guard rest.count >= form.utf8.count else { return nil }
            var number = 0
            for (byte, wanted) in zip(rest, form.utf8) {
                if wanted == UInt8(ascii: "d") {
                    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                    number = 10 * number + Int(byte - UInt8(ascii: "0"))
                } else if byte != wanted {
                    return nil
                }
            }
            rest.removeFirst(form.utf8.count)
            return number
        }
        func takes(_ form: String) -> Bool { number(form) != nil }

        var isPossible = true
        let start = rest
        var hasDate = false
        if let year = number("dddd"), let month = number("-dd"), let day = number("-dd") {
            hasDate = true
            isPossible = (1...12).contains(month) && (1...TOMLMoment.days(of: month, year)).contains(day)
            if rest.isEmpty {
                self = isPossible ? .valid : .impossible
                return
            }
            guard takes("T") || takes("t") || takes(" ") else { return nil }
        } else {
            rest = start
        }
        guard let hour = number("dd"), let minute = number(":dd"), let second = number(":dd") else { return nil }
        // A minute may have a leap second (RFC 3339, section 5.7).
        isPossible = isPossible && hour <= 23 && minute <= 59 && second <= 60
        if takes(".") {
            guard takes("d") else { return nil }
            while takes("d") {}
        }
        if hasDate, !rest.isEmpty, !(takes("Z") || takes("z")) {
            guard takes("+") || takes("-"), let hours = number("dd"), let minutes = number(":dd") else { return nil }
            isPossible = isPossible && hours <= 23 && minutes <= 59
        }
        guard rest.isEmpty else { return nil }
        self = isPossible ? .valid : .impossible
    }

    /// Of the Gregorian calendar, for all years alike; 31 for a month that there is not.
    private static func days(of month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
