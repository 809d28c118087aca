import FalconJSON
import FalconTemplates
import Foundation

extension ChatTemplate {
    /// The template of a model's folder, or the one that the user names.
    ///
    /// - Returns: the template; its `origin` says where it is from.
    /// - Throws: `TokenizerError` or `TemplateError` naming the file and the option `--template` where the model has
    ///   no template, or one that cannot be read.
    package static func select(_ choice: TemplateChoice, folder: String) throws -> ChatTemplate {
        try select(choice, model: ModelTemplate(folder: folder))
    }

    package static func select(_ choice: TemplateChoice, model: ModelTemplate) throws -> ChatTemplate {
        let now = choice.now ?? TemplateChoice.currentTime()
        func template(
            _ programs: ChatTemplateSet, _ sources: [String], _ name: String?, _ origin: String
        ) throws -> ChatTemplate {
            try ChatTemplate(
                programs, sources: sources, name: name, origin: origin, specialTokens: model.specialTokens,
                choice: choice, now: now)
        }
        if choice.name == "auto" {
            guard let source = model.source else {
                throw TokenizerError(
                    model.path,
                    "has no chat template; give the model's own with --template FILE.jinja, or one of "
                        + ChatStyle.allCases.map(\.rawValue).joined(separator: ", "))
            }
            let programs = try ChatTemplateSet(source, name: model.path)
            let names = programs.names.count > 1 ? ", of its templates \(programs.names.joined(separator: ", "))" : ""
            return try template(programs, sources(source), nil, "the model's own, from \(model.path)\(names)")
        }
        if let style = ChatStyle(rawValue: choice.name) {
            var remark = ""
            if model.source != nil { remark = "; the model has one of its own, which --template auto takes" }
            return try template(
                ChatTemplateSet(style.program()), [style.source], style.rawValue,
                "\(style.rawValue), asked for with --template\(remark)")
        }
        if let text = model.source?.array?.first(where: { $0["name"]?.string == choice.name })?["template"]?.string {
            let program = try ChatTemplateProgram(text, name: "\(model.path), '\(choice.name)'")
            return try template(ChatTemplateSet(program), [text], nil, "the model's own '\(choice.name)'")
        }
        guard choice.name.hasSuffix(".jinja") || FileManager.default.fileExists(atPath: choice.name) else {
            let own = model.source?.array?.compactMap { $0["name"]?.string } ?? []
            throw TokenizerError(
                "--template",
                "is '\(choice.name)'; known are \((TemplateChoice.names + own).joined(separator: ", ")) and files that "
                    + "end in .jinja")
        }
        let text = try ModelTemplate.text(choice.name)
        let program = try ChatTemplateProgram(text, name: choice.name)
        return try template(ChatTemplateSet(program), [text], nil, "\(choice.name), asked for with --template")
    }

    /// A style for models that have no template, with the special tokens that it has by itself.
    ///
    /// - Parameter name: e.g. "chatml".
    package static func style(_ name: String) throws -> ChatTemplate {
        try select(TemplateChoice(name), model: ModelTemplate(path: "model", source: nil, specialTokens: [:]))
    }

    private static func sources(_ source: JSONValue) -> [String] {
        if let text = source.string { return [text] }
        return (source.array ?? []).compactMap { $0["template"]?.string }
    }
}
