/// Something is wrong with a tokenizer's, template's or dataset's file, or with a dialogue: which, what, and how to
/// fix it, in one line.
package struct TokenizerError: Error, CustomStringConvertible, Equatable {
    /// The file, or the template that a dialogue does not fit.
    package let source: String
    package let problem: String

    package init(_ source: String, _ problem: String) {
        self.source = source
        self.problem = Self.inOneLine(problem)
    }

    /// What a problem quotes from a file may hold line breaks.
    private static func inOneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        return text.unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: false) : String(scalar)
        }.joined()
    }

    package var description: String { "\(source): \(problem)" }
}
