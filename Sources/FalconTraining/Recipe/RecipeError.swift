/// Something is wrong with a recipe: where, what, and how to fix it, in one line.
package struct RecipeError: Error, CustomStringConvertible, Equatable {
    /// The recipe's file, or `--set` where the command line gave the value.
    package let source: String
    /// The key with its section, e.g. `optimizer.learning_rate`; empty where the whole file is meant.
    package let key: String
    package let problem: String

    /// The source of what the command line gave.
    package static let setting = "--set"

    /// Whether the command line is to blame, not a file: wrong usage then.
    package var isUsage: Bool { source == RecipeError.setting }

    package var description: String {
        key.isEmpty ? "\(source): \(problem)" : "\(source): \(key) \(problem)"
    }
}

/// Suggests what somebody who mistyped a name may have meant.
enum NearestName {
    /// `", did you mean NAME?"`, or the whole list where nothing is near.
    static func suggestion(for name: String, among names: [String]) -> String {
        let ranked = names.map { (name: $0, distance: distance(name, $0)) }.sorted { $0.distance < $1.distance }
        guard let nearest = ranked.first else { return "" }
        // Half of the name may be wrong before a suggestion does more harm than good.
        if nearest.distance <= max(2, name.count / 2) { return ", did you mean \(nearest.name)?" }
        return "; known: \(names.joined(separator: ", "))"
    }

    /// Levenshtein distance: how many single-character changes turn `left` into `right`.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var previous = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var row = [i + 1]
            for (j, other) in right.enumerated() {
                row.append(min(previous[j] + (character == other ? 0 : 1), previous[j + 1] + 1, row[j] + 1))
            }
            previous = row
        }
        return previous[right.count]
    }
}
