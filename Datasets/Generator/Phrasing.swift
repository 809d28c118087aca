extension SeededRandom {
    /// Writes one wording of a template: `[a|b|c]` chooses (nested at will), `{key}` inserts a value, `{^key}`
    /// inserts it with a capital letter. Values are inserted after the choices, so they may contain any character.
    mutating func say(_ template: String, _ values: [String: any CustomStringConvertible] = [:]) -> String {
        var rest = Substring(template)
        return insert(values, into: chooseUntilEnd(&rest, template))
    }

    private mutating func chooseUntilEnd(_ rest: inout Substring, _ template: String) -> String {
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "[": text += choice(&rest, template)
            default: text.append(character)
            }
        }
        return text
    }

    /// Reads the alternatives up to the closing bracket, each itself with choices in it, and keeps one.
    private mutating func choice(_ rest: inout Substring, _ template: String) -> String {
        var alternatives: [String] = [""]
        while let character = rest.popFirst() {
            switch character {
            case "[": alternatives[alternatives.count - 1] += choice(&rest, template)
            case "|": alternatives.append("")
            case "]": return pick(alternatives)
            default: alternatives[alternatives.count - 1].append(character)
            }
        }
        preconditionFailure("unclosed [ in the template: \(template)")
    }

    private func insert(_ values: [String: any CustomStringConvertible], into text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let opening = rest.firstIndex(of: "{") {
            guard let closing = rest[opening...].firstIndex(of: "}") else {
                preconditionFailure("unclosed { in: \(text)")
            }
            result += rest[..<opening]
            let key = String(rest[rest.index(after: opening)..<closing])
            let name = key.hasPrefix("^") ? String(key.dropFirst()) : key
            guard let value = values[name] else { preconditionFailure("no value for {\(name)} in: \(text)") }
            result += key.hasPrefix("^") ? capitalised(value.description) : value.description
            rest = rest[rest.index(after: closing)...]
        }
        return result + rest
    }
}

func capitalised(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
}

/// "a lamp", "an oven".
func withArticle(_ noun: String) -> String {
    ("aeiou".contains(noun.prefix(1).lowercased()) ? "an " : "a ") + noun
}

/// "1 egg", "3 eggs".
func counted(_ number: Int, _ noun: Noun) -> String {
    "\(number) \(number == 1 ? noun.one : noun.many)"
}

/// "pears, plums and figs".
func listed(_ items: [String], _ conjunction: String = "and") -> String {
    guard let last = items.last, items.count > 1 else { return items.first ?? "" }
    return items.dropLast().joined(separator: ", ") + " \(conjunction) " + last
}

/// "1st", "2nd", "11th".
func ordinal(_ number: Int) -> String {
    let ending: String
    switch (number % 10, number % 100) {
    case (1, let tens) where tens != 11: ending = "st"
    case (2, let tens) where tens != 12: ending = "nd"
    case (3, let tens) where tens != 13: ending = "rd"
    default: ending = "th"
    }
    return "\(number)\(ending)"
}
