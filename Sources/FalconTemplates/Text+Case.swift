/// Letters, digits and their case, as Python's `str` knows them.
extension Text {
    /// `nil` for a name that changes no case.
    func cased(_ method: String) -> Text? {
        switch method {
        case "upper":
            return isASCII
                ? Text(bytes.map { $0 &- 0x61 < 26 ? $0 - 0x20 : $0 })
                : Text(scalars.map(\.properties.uppercaseMapping).joined())
        case "lower", "casefold":
            if isASCII { return Text(bytes.map { $0 &- 0x41 < 26 ? $0 + 0x20 : $0 }) }
            return method == "lower" ? Text(lowered()) : Text(scalars.map(Text.folded).joined())
        case "capitalize":
            var result = ""
            let all = Array(scalars)
            for (place, scalar) in all.enumerated() {
                result += place == 0 ? scalar.properties.titlecaseMapping : Text.lowered(all, place)
            }
            return Text(result)
        case "title":
            var result = ""
            let all = Array(scalars)
            var isInside = false
            for (place, scalar) in all.enumerated() {
                result += isInside ? Text.lowered(all, place) : scalar.properties.titlecaseMapping
                isInside = scalar.properties.isCased
            }
            return Text(result)
        case "swapcase":
            let all = Array(scalars)
            return Text(
                all.indices.map { place in
                    let properties = all[place].properties
                    return properties.isUppercase
                        ? Text.lowered(all, place)
                        : properties.isLowercase ? properties.uppercaseMapping : String(all[place])
                }.joined())
        default: return nil
        }
    }

    func lowered() -> String {
        let all = Array(scalars)
        return all.indices.map { Text.lowered(all, $0) }.joined()
    }

    /// Sigma at the end of a word has a form of its own.
    private static func lowered(_ all: [Unicode.Scalar], _ place: Int) -> String {
        guard all[place] == "\u{3A3}" else { return all[place].properties.lowercaseMapping }
        let before = all[..<place].last { !$0.properties.isCaseIgnorable }
        let after = all[(place + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.properties.isCased == true && after?.properties.isCased != true ? "\u{3C2}" : "\u{3C3}"
    }

    private static func folded(_ scalar: Unicode.Scalar) -> String {
        scalar == "\u{DF}" ? "ss" : scalar == "\u{3C2}" ? "\u{3C3}" : scalar.properties.lowercaseMapping
    }

    /// A test such as `isdigit`.
    func holds(_ method: String) -> Bool {
        switch method {
        case "isascii": return isASCII
        case "isprintable": return scalars.allSatisfy(PythonString.isPrintable)
        case "islower", "isupper":
            let isLower = method == "islower"
            var hasCased = false
            for scalar in scalars {
                let properties = scalar.properties
                if isLower ? properties.isUppercase : properties.isLowercase { return false }
                if properties.generalCategory == .titlecaseLetter { return false }
                hasCased = hasCased || (isLower ? properties.isLowercase : properties.isUppercase)
            }
            return hasCased
        case "istitle":
            var (isInside, hasCased) = (false, false)
            for scalar in scalars {
                let properties = scalar.properties
                if properties.isUppercase || properties.generalCategory == .titlecaseLetter {
                    if isInside { return false }
                    (isInside, hasCased) = (true, true)
                } else if properties.isLowercase {
                    if !isInside { return false }
                    hasCased = true
                } else {
                    isInside = false
                }
            }
            return hasCased
        case "isidentifier":
            guard let first = scalars.first else { return false }
            return (first == "_" || first.properties.isXIDStart) && scalars.allSatisfy(\.properties.isXIDContinue)
        default:
            return !isEmpty
                && scalars.allSatisfy { scalar in
                    switch method {
                    case "isspace": Text.isSpace(scalar)
                    case "isalpha": Text.isLetter(scalar)
                    case "isdecimal": scalar.properties.generalCategory == .decimalNumber
                    case "isdigit": Text.isDigit(scalar)
                    case "isnumeric": scalar.properties.numericType != nil
                    case "isalnum": Text.isLetter(scalar) || scalar.properties.numericType != nil
                    default: false
                    }
                }
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
    }

    /// As Markup's `escape`: what is safe already stays.
    var escaped: Text {
        guard !isMarkup else { return self }
        var result: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "&"): result.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): result.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): result.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "'"): result.append(contentsOf: "&#39;".utf8)
            case UInt8(ascii: "\""): result.append(contentsOf: "&#34;".utf8)
            default: result.append(byte)
            }
        }
        return Text(result, isMarkup: true)
    }
}
