import FalconTOML

/// What a recipe's keys take, for people: `falcon-inspect recipe`, and the tables of `docs/recipes.md`.
package struct RecipeKeys: Sendable {
    package struct Key: Sendable, Equatable {
        package let section, key: String
        /// What stands where nobody sets it, as TOML.
        package let value: String
        /// Which values it takes, in words: a range, names, or a kind.
        package let allowed: String
    }

    /// Those of a head's recipe, then what a target's adds.
    package static var all: [Key] {
        get throws {
            var head = try keys(of: Recipe())
            var target = Recipe()
            target.pretrain = PretrainSection()
            for key in try keys(of: target) where !head.contains(key) { head.append(key) }
            return head
        }
    }

    private static func keys(of recipe: Recipe) throws -> [Key] {
        var walker = Walker()
        var copy = recipe
        try copy.forEachSection { section in
            walker.section = type(of: section).name
            try section.fields(&walker)
        }
        return walker.keys
    }

    /// Aligned lines, a section below the other.
    package static var lines: [String] {
        get throws {
            let keys = try all
            let width = (keys.map(\.key.count).max() ?? 0) + 2
            let values = min(26, (keys.map(\.value.count).max() ?? 0)) + 2
            var (lines, section) = ([String](), "")
            for key in keys {
                if key.section != section {
                    section = key.section
                    lines += lines.isEmpty ? ["[\(section)]"] : ["", "[\(section)]"]
                }
                lines.append(padded(key.key, width) + padded(key.value, values) + key.allowed)
            }
            return lines
        }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private struct Walker: RecipeFields {
        var section = ""
        var keys: [Key] = []

        mutating func text(_ key: String, _ value: inout String) {
            add(key, .text(value), "text")
        }
        mutating func flag(_ key: String, _ value: inout Bool) {
            add(key, .flag(value), "true, false")
        }
        mutating func integer(_ key: String, _ value: inout Int, _ range: ClosedRange<Int>) {
            // What no run comes near bounds nothing.
            let bound = range.upperBound >= 1_000_000_000 ? "from \(range.lowerBound)" : nil
            add(key, .integer(value), bound ?? "\(range.lowerBound) to \(range.upperBound)")
        }
        mutating func number(_ key: String, _ value: inout Double, _ range: ClosedRange<Double>) {
            add(key, .number(value), Walker.words(range))
        }
        mutating func pair(_ key: String, _ value: inout [Double], _ range: ClosedRange<Double>) {
            add(key, .list(value.map { .number($0) }), "two of " + Walker.words(range))
        }
        mutating func layers(_ key: String, _ value: inout [Int]) {
            add(key, .list(value.map { .integer($0) }), "layers, ascending")
        }
        mutating func choice<Choice: RecipeChoice>(_ key: String, _ value: inout Choice) {
            add(key, .text(value.rawValue), Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }

        private mutating func add(_ key: String, _ value: TOMLValue, _ allowed: String) {
            keys.append(Key(section: section, key: key, value: value.toml, allowed: allowed))
        }

        private static func words(_ range: ClosedRange<Double>) -> String {
            func number(_ value: Double) -> String {
                value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))" : "\(value)"
            }
            return range.upperBound >= 1e9
                ? "from \(number(range.lowerBound))" : "\(number(range.lowerBound)) to \(number(range.upperBound))"
        }
    }
}
