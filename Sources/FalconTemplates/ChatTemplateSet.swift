import FalconJSON

/// The templates of one model: mostly one, or several with names ("default", "tool_use").
package struct ChatTemplateSet: Sendable {
    private let programs: [(name: String, program: ChatTemplateProgram)]

    package init(_ program: ChatTemplateProgram) { programs = [("default", program)] }

    /// Reads `chat_template` of a `tokenizer_config.json`: a text, or a list of objects with `name` and `template`.
    ///
    /// - Parameter name: how errors call it, the file's name.
    /// - Throws: `TemplateError` for another form, and for a text that is no template.
    package init(_ value: JSONValue, name: String, limits: TemplateLimits = .standard) throws {
        func refusal(_ problem: String) -> TemplateError { TemplateError(template: name, line: nil, problem: problem) }
        switch value {
        case .string(let text): programs = [("default", try ChatTemplateProgram(text, name: name, limits: limits))]
        case .array(let list):
            var programs: [(name: String, program: ChatTemplateProgram)] = []
            for (place, entry) in list.enumerated() {
                guard let own = entry["name"]?.string, let text = entry["template"]?.string else {
                    throw refusal("entry \(place) of 'chat_template' has no 'name' and 'template'")
                }
                guard !programs.contains(where: { $0.name == own }) else {
                    throw refusal("'chat_template' has '\(own)' twice")
                }
                let title = "\(name) '\(own)'"
                programs.append((own, try ChatTemplateProgram(text, name: title, limits: limits)))
            }
            guard !programs.isEmpty else { throw refusal("'chat_template' is an empty list") }
            self.programs = programs
        default: throw refusal("'chat_template' is \(value.kind), not a text or a list")
        }
    }

    /// In the order of the file.
    package var names: [String] { programs.map(\.name) }

    /// The template by that name.
    package subscript(_ name: String) -> ChatTemplateProgram? { programs.first { $0.name == name }?.program }

    /// The template that transformers takes: `tool_use` where tools are given and it is there, `default` otherwise.
    ///
    /// - Throws: `TemplateError` where there are several and none is the default.
    package func program(hasTools: Bool) throws -> ChatTemplateProgram {
        if hasTools, let program = self["tool_use"] { return program }
        if let program = self["default"] { return program }
        let names = names.map { "'\($0)'" }.joined(separator: ", ")
        throw TemplateError(
            template: programs[0].program.name, line: nil, problem: "there is no template 'default' among \(names)")
    }
}
