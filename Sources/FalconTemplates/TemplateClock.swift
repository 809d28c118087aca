import Foundation

/// The time that `strftime_now` tells a template: that of the machine's clock and place, or a fixed one.
package struct TemplateClock: Sendable, Equatable {
    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int
    let microsecond: Int

    package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second, microsecond) = (hour, minute, second, 0)
    }

    private init(_ date: Date) {
        let parts = Calendar(identifier: .gregorian).dateComponents(
            [.year, .month, .day, .hour, .minute, .second, .nanosecond], from: date)
        (year, month, day) = (parts.year ?? 1970, parts.month ?? 1, parts.day ?? 1)
        (hour, minute, second) = (parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0)
        microsecond = (parts.nanosecond ?? 0) / 1000
    }

    package static var now: TemplateClock { TemplateClock(Date()) }

    /// Reads `2026-03-05`, `2026-03-05T09:07` or `2026-03-05T09:07:03` (a space serves as the `T`); `nil` for other
    /// texts and for days that there are not.
    package init?(_ text: String) {
        let halves = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "T" || $0 == " " }
        func numbers(_ part: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
            let pieces = part.split(separator: separator, omittingEmptySubsequences: false)
            guard pieces.count <= widths.count, zip(pieces, widths).allSatisfy({ $0.count == $1 }),
                pieces.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } })
            else { return nil }
            return pieces.compactMap { Int($0) }
        }
        guard let first = halves.first, let date = numbers(first, "-", [4, 2, 2]), date.count == 3,
            date[0] >= 1, (1...12).contains(date[1]),
            (1...TemplateClock.days(in: date[1], of: date[0])).contains(date[2])
        else { return nil }
        var time = [0, 0, 0]
        if halves.count > 1 {
            guard let given = numbers(halves[1], ":", [2, 2, 2]), given.count >= 2 else { return nil }
            time = given + (given.count == 2 ? [0] : [])
        }
        guard time[0] < 24, time[1] < 60, time[2] < 60 else { return nil }
        self.init(year: date[0], month: date[1], day: date[2], hour: time[0], minute: time[1], second: time[2])
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(in month: Int, of year: Int) -> Int {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private var dayOfYear: Int {
        (1..<month).reduce(day) { $0 + TemplateClock.days(in: $1, of: year) }
    }

    /// From Sunday, which is 0.
    private var weekday: Int {
        // Zeller: January and February count to the year before.
        let shifted = month < 3 ? year - 1 : year
        let offsets = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
        return (shifted + shifted / 4 - shifted / 100 + shifted / 400 + offsets[month - 1] + day) % 7
    }

    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// Python's `strftime` in the C locale.
    func text(_ format: String) throws -> String {
        var result = ""
        var scalars = Array(format.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "%", var code = scalars.popFirst() else {
                result.unicodeScalars.append(scalar)
                continue
            }
            // `%-d` leaves out leading zeros, as the C library does.
            var isBare = false
            if code == "-", let next = scalars.popFirst() { (code, isBare) = (next, true) }
            result += try field(code, isBare: isBare)
        }
        return result
    }

    private func field(_ code: Unicode.Scalar, isBare: Bool) throws -> String {
        func digits(_ value: Int, _ width: Int = 2, by fill: String = "0") -> String {
            let text = String(value)
            return isBare ? text : String(repeating: fill, count: max(width - text.count, 0)) + text
        }
        let half = hour % 12 == 0 ? 12 : hour % 12
        switch code {
        case "a": return String(TemplateClock.weekdays[weekday].prefix(3))
        case "A": return TemplateClock.weekdays[weekday]
        case "b", "h": return String(TemplateClock.months[month - 1].prefix(3))
        case "B": return TemplateClock.months[month - 1]
        case "c": return try text("%a %b %e %H:%M:%S %Y")
        case "C": return digits(year / 100)
        case "d": return digits(day)
        case "D", "x": return try text("%m/%d/%y")
        case "e": return digits(day, by: " ")
        case "f": return digits(microsecond, 6)
        case "F": return try text("%Y-%m-%d")
        case "g": return digits(weekNumber.year % 100)
        case "G": return digits(weekNumber.year, 4)
        case "H": return digits(hour)
        case "I": return digits(half)
        case "j": return digits(dayOfYear, 3)
        case "k": return digits(hour, by: " ")
        case "l": return digits(half, by: " ")
        case "m": return digits(month)
        case "M": return digits(minute)
        case "n": return "\n"
        case "p": return hour < 12 ? "AM" : "PM"
        case "P": return hour < 12 ? "am" : "pm"
        case "r": return try text("%I:%M:%S %p")
        case "R": return try text("%H:%M")
        case "S": return digits(second)
        case "t": return "\t"
        case "T", "X": return try text("%H:%M:%S")
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "U": return digits((dayOfYear + 6 - weekday) / 7)
        case "V": return digits(weekNumber.week)
        case "w": return String(weekday)
        case "W": return digits((dayOfYear + 6 - (weekday + 6) % 7) / 7)
        case "y": return digits(year % 100)
        case "Y": return String(year)
        // A time without a zone, as transformers gives it.
        case "z", "Z": return ""
        case "%": return "%"
        default: throw Problem("'strftime_now': the format '%\(code)' is not supported")
        }
    }

    /// The week that has the year's first Thursday is number 1.
    private var weekNumber: (year: Int, week: Int) {
        let fromMonday = (weekday + 6) % 7
        let week = (dayOfYear - 1 - fromMonday + 10) / 7
        if week < 1 {
            let before = TemplateClock(year: year - 1, month: 12, day: 31)
            return before.weekNumber
        }
        if week == 53, (TemplateClock(year: year, month: 12, day: 31).weekday + 6) % 7 < 3 { return (year + 1, 1) }
        return (year, week)
    }
}
