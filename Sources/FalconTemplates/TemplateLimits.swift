/// How much one rendering may take. A template comes with a model, from anybody.
package struct TemplateLimits: Sendable, Equatable {
    /// Of the template's text, in bytes.
    package var sourceBytes = 1 << 20
    /// Expressions and statements evaluated, elements and bytes looked through.
    package var steps = 8_000_000
    /// Of the rendered text, and of any text made on the way, in bytes.
    package var textBytes = 32 << 20
    /// Of all texts and lists made on the way together, in bytes.
    package var madeBytes = 512 << 20
    /// Elements of a list.
    package var elements = 1_000_000
    /// Lists and dictionaries in one another.
    package var valueNesting = 250
    /// Macro in macro, loop in loop, bracket in bracket.
    package var nesting = 100
    /// Expressions and statements inside one another while rendering, macros' bodies included.
    package var depth = 400

    package init() {}

    package static let standard = TemplateLimits()
}
