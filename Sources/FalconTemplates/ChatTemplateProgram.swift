import FalconJSON

/// A dialogue as a template writes it.
package struct RenderedTemplate: Sendable, Equatable {
    package let text: String
    /// What stands in `{% generation %}`, in bytes of UTF-8.
    package let generationSpans: [Range<Int>]
}

/// A chat template in Jinja, as models come with it: read once, rendered as transformers does.
///
/// It is a program of strangers, so it reaches nothing but the values that it is given, and `TemplateLimits` bound what
/// it may take. What is not supported (`include`, `import`, `extends`) is refused by name.
package final class ChatTemplateProgram: Sendable {
    /// How errors call it: a file's name, or a style's.
    package let name: String
    package let source: String
    package let limits: TemplateLimits
    /// Whether the template itself marks what the assistant says.
    package let usesGenerationTags: Bool
    private let statements: [Statement]
    private let names: [String]
    /// The strings in its expressions.
    let literals: Set<[UInt8]>
    /// Those that an output holds and nothing else, `{{ 'ASSISTANT: ' }}`.
    let aloneLiterals: Set<[UInt8]>

    /// - Throws: `TemplateError` for text that is no template, naming the line.
    package init(_ source: String, name: String, limits: TemplateLimits = .standard) throws {
        self.name = name
        self.source = source
        self.limits = limits
        do {
            guard source.utf8.count <= limits.sourceBytes else {
                throw Problem("longer than \(limits.sourceBytes) bytes")
            }
            var parser = Parser(try Lexer.tokens(of: source), limits: limits)
            statements = try parser.template()
            names = parser.names
            literals = parser.literals
            aloneLiterals = parser.aloneLiterals
            usesGenerationTags = parser.hasGeneration
        } catch let problem as Problem {
            throw TemplateError(template: name, line: problem.line, problem: problem.words)
        }
    }

    /// The dialogue as text.
    ///
    /// - Throws: `TemplateError` where the template refuses the dialogue (`raised` holds what it says), or does what
    ///   cannot be done; the line is named.
    package func render(_ context: TemplateContext) throws -> RenderedTemplate {
        try render(context, allowsNone: false)
    }

    func render(_ context: TemplateContext, allowsNone: Bool) throws -> RenderedTemplate {
        do {
            guard !context.messages.isEmpty || allowsNone else { throw Problem("a dialogue without messages") }
            for (number, message) in context.messages.enumerated() where message.object == nil {
                throw Problem("message \(number) is \(message.kind), not an object")
            }
            let globals = names.map { name in
                context.value(name) ?? FunctionName(rawValue: name).flatMap { $0 == .fromkeys ? nil : .function($0) }
            }
            let renderer = Renderer(names, globals, clock: context.clock, limits: limits)
            return try renderer.render(statements)
        } catch let problem as Problem {
            throw TemplateError(
                template: name, line: problem.line, problem: problem.words, raised: problem.raised)
        }
    }
}
