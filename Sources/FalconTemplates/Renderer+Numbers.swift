import Foundation

extension Renderer {
    func numberFilter(_ filter: FilterName, _ value: Value, _ arguments: [Value?]) throws -> Value {
        switch filter {
        case .abs:
            if case .float(let value) = value { return .float(value.magnitude) }
            guard let whole = value.wholeNumber else { throw Problem("'abs' of \(value.kind)") }
            return whole < 0 ? try negated(.integer(whole)) : .integer(whole)
        case .int: return try integer(value, arguments)
        case .float: return try real(value, arguments)
        case .round: return try rounded(value, arguments)
        case .filesizeformat: return .text(try fileSize(value, isBinary: arguments[0]?.isTrue ?? false))
        default:
            let getter = try memberGetter(arguments[0])
            var sum = arguments[1] ?? .integer(0)
            if case .string = sum { throw Problem("'sum' cannot add strings: use 'join'") }
            let iterator = try iterate(value)
            while let item = try iterator.next() { sum = try arithmetic(sum, .add, getter(item)) }
            return sum
        }
    }

    private func integer(_ value: Value, _ arguments: [Value?]) throws -> Value {
        let standard = arguments[0] ?? .integer(0)
        let base = try whole(arguments[1], "int", 10)
        func cut(_ value: Double) throws -> Value {
            guard value.isFinite else { return standard }
            guard let whole = Int(exactly: value.rounded(.towardZero)) else {
                throw Problem("an integer beyond 64 bits")
            }
            return .integer(whole)
        }
        switch value {
        case .string(let text):
            if let number = try PythonNumber.integer(text, base: base) { return .integer(number) }
            return try PythonNumber.real(text).map(cut) ?? standard
        case .float(let value):
            return try cut(value)
        case .undefined(let undefined): throw use(undefined, "'int' of")
        default: return value.wholeNumber.map(Value.integer) ?? standard
        }
    }

    private func real(_ value: Value, _ arguments: [Value?]) throws -> Value {
        let standard = arguments[0] ?? .float(0)
        switch value {
        case .string(let text): return PythonNumber.real(text).map(Value.float) ?? standard
        case .undefined(let undefined): throw use(undefined, "'float' of")
        default: return value.number.map(Value.float) ?? standard
        }
    }

    private func rounded(_ value: Value, _ arguments: [Value?]) throws -> Value {
        let digits = try whole(arguments[0], "round", 0)
        let method = try arguments[1].map(printed)?.string ?? "common"
        guard ["common", "ceil", "floor"].contains(method) else {
            throw Problem("'round' knows 'common', 'ceil' and 'floor', not '\(method)'")
        }
        guard let number = value.number else {
            if case .undefined(let undefined) = value { throw use(undefined, "'round' of") }
            throw Problem("'round' of \(value.kind)")
        }
        guard abs(digits) <= 300 else { throw Problem("'round' to more than 300 digits") }
        guard method == "common" else {
            let scale = pow(10.0, Double(digits))
            return .float((number * scale).rounded(method == "ceil" ? .up : .down) / scale)
        }
        if let whole = value.wholeNumber, !isFloat(value) { return .integer(try PythonNumber.rounded(whole, digits)) }
        return .float(PythonNumber.rounded(number, digits))
    }

    private func isFloat(_ value: Value) -> Bool {
        if case .float = value { true } else { false }
    }

    private func fileSize(_ value: Value, isBinary: Bool) throws -> String {
        guard let size = value.text.map({ PythonNumber.real($0) }) ?? value.number else {
            throw Problem("'filesizeformat' of \(value.kind)")
        }
        let base: Double = isBinary ? 1024 : 1000
        if size == 1 { return "1 Byte" }
        if size < base { return "\(Int(exactly: size.rounded(.towardZero)) ?? 0) Bytes" }
        let units = "kMGTPEZY".map { isBinary ? ($0 == "k" ? "K" : String($0)) + "iB" : String($0) + "B" }
        var unit = base
        for name in units.dropLast() {
            unit *= base
            if size < unit { return PythonNumber.fixed(base * size / unit, 1) + " " + name }
        }
        unit *= base
        return PythonNumber.fixed(base * size / unit, 1) + " " + units[units.count - 1]
    }
}

extension PythonNumber {
    /// Python's `int(text, base)`; `nil` for what is no integer.
    static func integer(_ text: Text, base: Int) throws -> Int? {
        var digits = text.trimmed().string.lowercased()[...]
        guard base == 0 || (2...36).contains(base) else {
            throw Problem("an integer's base is 0 or 2 to 36, not \(base)")
        }
        var sign = ""
        if let first = digits.first, first == "-" || first == "+" {
            sign = first == "-" ? "-" : ""
            digits = digits.dropFirst()
        }
        var base = base
        for (mark, value) in [("0x", 16), ("0o", 8), ("0b", 2)]
        where digits.hasPrefix(mark) && (base == value || base == 0) {
            digits = digits.dropFirst(2)
            if digits.hasPrefix("_") { digits = digits.dropFirst() }
            base = value
        }
        if base == 0 {
            guard !digits.hasPrefix("0") || digits.allSatisfy({ $0 == "0" || $0 == "_" }) else { return nil }
            base = 10
        }
        let parts = digits.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isHexDigit || $0.isLetter } }) else {
            return nil
        }
        let all = parts.joined()
        guard all.unicodeScalars.allSatisfy({ isDigit($0, base) }) else { return nil }
        guard let value = Int(sign + all, radix: base) else { throw Problem("an integer beyond 64 bits") }
        return value
    }

    private static func isDigit(_ scalar: Unicode.Scalar, _ base: Int) -> Bool {
        let value: UInt32
        switch scalar.value {
        case 0x30...0x39: value = scalar.value - 0x30
        case 0x61...0x7A: value = scalar.value - 0x61 + 10
        default: return false
        }
        return value < base
    }

    /// Python's `float(text)`; `nil` for what is no number.
    static func real(_ text: Text) -> Double? {
        let trimmed = text.trimmed().string.lowercased()
        switch trimmed {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan", "+nan", "-nan": return .nan
        default: break
        }
        let bytes = Array(trimmed.utf8)
        for (place, byte) in bytes.enumerated() where byte == UInt8(ascii: "_") {
            guard place > 0, place + 1 < bytes.count, bytes[place - 1] &- 0x30 < 10, bytes[place + 1] &- 0x30 < 10
            else {
                return nil
            }
        }
        guard bytes.allSatisfy({ $0 &- 0x30 < 10 || "+-.e_".utf8.contains($0) }) else { return nil }
        var digits = trimmed.replacing("_", with: "")
        if digits.hasSuffix(".") { digits += "0" }
        if let dot = digits.range(of: ".e") { digits.replaceSubrange(dot, with: ".0e") }
        guard digits.contains(where: \.isNumber), !digits.hasPrefix("e") else { return nil }
        return Double(digits) ?? (digits.hasPrefix(".") ? Double("0" + digits) : nil)
            ?? (digits.hasPrefix("-.") ? Double("-0" + digits.dropFirst()) : nil)
    }

    /// A number with so many digits behind its point, rounded as Python's `%f` does.
    static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    static func rounded(_ value: Double, _ digits: Int) -> Double {
        guard value.isFinite else { return value }
        if digits <= 0 {
            guard digits < 0 else { return value.rounded(.toNearestOrEven) }
            let scale = pow(10.0, Double(-digits))
            return (value / scale).rounded(.toNearestOrEven) * scale
        }
        // The nearest decimal of the exact value, as Python does it.
        return Double(fixed(value, digits)) ?? value
    }

    static func rounded(_ value: Int, _ digits: Int) throws -> Int {
        guard digits < 0 else { return value }
        var scale = 1
        for _ in 0..<min(-digits, 19) {
            let next = scale.multipliedReportingOverflow(by: 10)
            guard !next.overflow else { return 0 }
            scale = next.partialValue
        }
        guard -digits <= 18 else { return 0 }
        var quotient = value / scale
        let rest = (value % scale).magnitude
        let half = UInt(scale) / 2
        if rest > half || (rest == half && quotient % 2 != 0) { quotient += value < 0 ? -1 : 1 }
        let result = quotient.multipliedReportingOverflow(by: scale)
        guard !result.overflow else { throw Problem("an integer beyond 64 bits") }
        return result.partialValue
    }
}
