/// Something is wrong with a tokenizer's, template's or dataset's file, or with a dialogue: which, what, and how to
/// mend it, in one line.
package struct TokenizerError: Error, CustomStringConvertible, Equatable {
    /// The file, or the template that a dialogue does not fit.
    package let source: String
    package let problem: String

    package init(_ source: String, _ problem: String) {
        self.source = source
        self.problem = problem
    }

    package var description: String { "\(source): \(problem)" }
}
