/// What is wrong with a chat template or with what it was given, in one line.
package struct TemplateError: Error, CustomStringConvertible, Equatable, Sendable {
    /// The template's name: a file's, or a style's.
    package let template: String
    /// From 1; `nil` where the whole is meant.
    package let line: Int?
    package let problem: String
    /// The message that the template gave to `raise_exception`, as it gave it; `nil` for other errors.
    package let raised: String?

    package init(template: String, line: Int?, problem: String, raised: String? = nil) {
        self.template = template
        self.line = line
        self.problem = problem
        self.raised = raised
    }

    package var description: String {
        let place = line.map { ", line \($0)" } ?? ""
        let words = problem.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : String($0) }.joined()
        return "template \(template)\(place): \(words.count > 400 ? words.prefix(400) + "…" : words)"
    }
}

/// A problem whose place is still to be added.
struct Problem: Error {
    let words: String
    var line: Int?
    var raised: String?

    init(_ words: String, line: Int? = nil, raised: String? = nil) {
        (self.words, self.line, self.raised) = (words, line, raised)
    }
}
