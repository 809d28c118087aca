import Foundation

/// How one value is written by `%` and `str.format`.
struct FormatSpecification {
    var fill: Unicode.Scalar = " "
    /// `<`, `>`, `^`, or `=` for between the sign and the digits.
    var alignment: Unicode.Scalar?
    var sign: Unicode.Scalar?
    var isAlternate = false
    var width = 0
    var grouping: Unicode.Scalar?
    var precision: Int?
    var leastDigits = 0
    var kind: Unicode.Scalar?

    /// A flag of `%`.
    mutating func takeFlag(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "-": (alignment, fill) = ("<", " ")
        case "+": sign = "+"
        case " ": if sign == nil { sign = " " }
        case "#": isAlternate = true
        case "0":
            if alignment == nil { (alignment, fill) = ("=", "0") }
        default: return false
        }
        return true
    }

    func padded(_ text: String, standard: Unicode.Scalar, prefix: String = "") -> Text {
        let missing = width - text.unicodeScalars.count - prefix.unicodeScalars.count
        guard missing > 0 else { return Text(prefix + text) }
        func filling(_ count: Int) -> String { String(repeating: String(fill), count: count) }
        switch alignment ?? standard {
        case "<": return Text(prefix + text + filling(missing))
        case "^": return Text(filling(missing / 2) + prefix + text + filling(missing - missing / 2))
        case "=": return Text(prefix + filling(missing) + text)
        default: return Text(filling(missing) + prefix + text)
        }
    }

    private func signed(_ isNegative: Bool) -> String {
        isNegative ? "-" : sign == "+" ? "+" : sign == " " ? " " : ""
    }

    private func grouped(_ digits: String, every count: Int = 3) -> String {
        guard let grouping else { return digits }
        var result = ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % count == 0 { result.unicodeScalars.append(grouping) }
            result.append(digit)
        }
        return result
    }

    func written(_ value: Int) throws -> Text {
        var prefix = ""
        var digits: String
        var group = 3
        switch kind {
        case nil, "d", "n": digits = String(value.magnitude)
        case "x": (digits, prefix, group) = (String(value.magnitude, radix: 16), "0x", 4)
        case "X": (digits, prefix, group) = (String(value.magnitude, radix: 16, uppercase: true), "0X", 4)
        case "o": (digits, prefix, group) = (String(value.magnitude, radix: 8), "0o", 4)
        case "b": (digits, prefix, group) = (String(value.magnitude, radix: 2), "0b", 4)
        case "c":
            guard let scalar = UInt32(exactly: value).flatMap(Unicode.Scalar.init) else {
                throw Problem("'format': \(value) is no character")
            }
            return padded(String(scalar), standard: "<")
        case let kind?: throw Problem("'format': '\(kind)' is no format of an integer")
        }
        digits = String(repeating: "0", count: max(leastDigits - digits.count, 0)) + digits
        return padded(
            grouped(digits, every: group), standard: ">", prefix: signed(value < 0) + (isAlternate ? prefix : ""))
    }

    func written(_ value: Double) throws -> Text {
        let magnitude = value.magnitude
        let prefix = signed(value.sign == .minus && !value.isNaN)
        guard precision ?? 0 <= 400 else { throw Problem("'format': more than 400 digits") }
        let kind = kind ?? "r"
        var digits: String
        if !value.isFinite {
            digits = value.isNaN ? "nan" : "inf"
            if "FEG".unicodeScalars.contains(kind) { digits = digits.uppercased() }
            return padded(digits, standard: ">", prefix: prefix)
        }
        switch kind {
        case "f", "F": digits = PythonNumber.fixed(magnitude, precision ?? 6)
        case "%": digits = PythonNumber.fixed(magnitude * 100, precision ?? 6) + "%"
        case "e", "E": digits = String(format: "%.\(precision ?? 6)e", magnitude)
        case "g", "G", "n": digits = String(format: "%.\(precision ?? 6)g", magnitude)
        case "r":
            digits =
                precision.map { String(format: "%.\($0)g", magnitude) } ?? PythonNumber.representation(magnitude)
            if precision != nil, !digits.contains("."), !digits.contains("e") { digits += ".0" }
        default: throw Problem("'format': '\(kind)' is no format of a float")
        }
        if "EG".unicodeScalars.contains(kind) { digits = digits.uppercased() }
        let whole = digits.prefix { $0.isNumber }
        return padded(grouped(String(whole)) + digits.dropFirst(whole.count), standard: ">", prefix: prefix)
    }
}
