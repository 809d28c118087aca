import FalconJSON
import Foundation

extension ChatTemplate {
    /// The template of a model, found from its own files or named by the user.
    ///
    /// - Parameters:
    ///   - option: `auto`, or the name of a `Style`. A named style still takes what the model's own template says
    ///     about the default system message where that template is of the same style.
    ///   - folder: the model's folder, with `chat_template.jinja` or `tokenizer_config.json`.
    /// - Returns: the template, and one line that says why it was taken.
    /// - Throws: `TokenizerError` naming the file and the option `--template` where the model's template is missing
    ///   or not known.
    package static func select(_ option: String, folder: String) throws -> (template: ChatTemplate, reason: String) {
        let model = try ModelTemplate(folder: folder)
        let names = Style.allCases.map(\.rawValue).joined(separator: ", ")
        if option == "auto" {
            guard let text = model.text else {
                throw TokenizerError(model.path, "has no chat template; choose one with --template (\(names))")
            }
            guard let (style, mark) = recognize(text) else {
                throw TokenizerError(
                    model.path, "has a chat template of a kind not known; choose one with --template (\(names))")
            }
            let template = model.template(style)
            return (template, "\(style.rawValue): \(model.path) has \(mark)" + template.peculiarities)
        }
        guard let style = Style(rawValue: option) else {
            throw TokenizerError("--template", "is '\(option)'; known are auto, \(names)")
        }
        let template = model.template(style)
        return (template, "\(style.rawValue): asked for with --template" + template.peculiarities)
    }

    /// The style of a Jinja template, and the text in it that tells.
    private static func recognize(_ text: String) -> (style: Style, mark: String)? {
        let marks: [(style: Style, needed: [String])] = [
            (.chatml, ["<|im_start|>", "<|im_end|>"]),
            (.llama3, ["<|start_header_id|>", "<|eot_id|>"]),
            (.llama2, ["[INST]", "<<SYS>>"]),
            (.vicuna, ["USER: ", "ASSISTANT:"]),
        ]
        for (style, needed) in marks where needed.allSatisfy({ text.contains($0) }) {
            return (style, needed.map { "'\($0)'" }.joined(separator: " and "))
        }
        return MistralForm(template: text).map { _ in (.mistral, "'[INST]' without '<<SYS>>'") }
    }

    /// What a user should know about the template that was taken, for the reason.
    private var peculiarities: String {
        var notes = ""
        if let defaultSystem { notes += ", default system message '\(defaultSystem)'" }
        if systemPrefix != nil { notes += ", with the dates of its system message as of 26 Jul 2024" }
        if style == .mistral { notes += ", " + mistral.words }
        if hasThoughts { notes += ", thoughts kept in the last answer only" }
        return notes
    }

    /// What a model's files say about its template.
    private struct ModelTemplate {
        /// The file the template was found in, or should have been.
        let path: String
        let text: String?
        let beginning: String?
        let ending: String?

        init(folder: String) throws {
            let base = folder + (folder.hasSuffix("/") ? "" : "/")
            let configurationPath = base + "tokenizer_config.json"
            var configuration = JSONField(file: configurationPath, path: "", value: nil)
            if let bytes = try FileContent.bytes(ofOptional: configurationPath) {
                do {
                    configuration = JSONField(file: configurationPath, path: "", value: try JSONParser.parse(bytes))
                } catch {
                    throw TokenizerError(configurationPath, "is not JSON: \(error)")
                }
            }
            beginning = Self.token(configuration["bos_token"])
            ending = Self.token(configuration["eos_token"])
            let separatePath = base + "chat_template.jinja"
            if let bytes = try FileContent.bytes(ofOptional: separatePath) {
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw TokenizerError(separatePath, "is not UTF-8")
                }
                (path, self.text) = (separatePath, text)
            } else {
                (path, text) = (configurationPath, try Self.text(configuration["chat_template"]))
            }
        }

        /// A model may have several templates by name; the one for chats is "default".
        private static func text(_ field: JSONField) throws -> String? {
            guard let value = field.value else { return nil }
            guard value.array != nil else { return try field.string() }
            let choices = try field.elements()
            return try choices.first { $0["name"].value?.string == "default" }?["template"].string()
        }

        /// Written as a string, or as an added token with its flags.
        private static func token(_ field: JSONField) -> String? {
            field.value?.string ?? field["content"].value?.string
        }

        func template(_ style: Style) -> ChatTemplate {
            let own = text.flatMap { ChatTemplate.recognize($0)?.style == style ? $0 : nil }
            switch style {
            case .chatml:
                return ChatTemplate(
                    .chatml, defaultSystem: own.flatMap(Self.chatMLDefaultSystem),
                    hasThoughts: own?.contains("</think>") ?? false)
            case .llama3:
                let dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
                return ChatTemplate(
                    .llama3, beginning: beginning,
                    systemPrefix: own?.contains("Cutting Knowledge Date") ?? false ? dates : nil)
            case .llama2:
                return ChatTemplate(.llama2, beginning: beginning, ending: ending ?? "</s>")
            case .mistral:
                let form = own.flatMap { MistralForm(template: $0) }
                return ChatTemplate(
                    .mistral, beginning: form.map(\.hasBeginning) ?? true ? beginning : "", ending: ending ?? "</s>",
                    mistral: form)
            case .vicuna:
                let published =
                    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
                    + "helpful, detailed, and polite answers to the user's questions."
                return ChatTemplate(
                    .vicuna, defaultSystem: own == nil ? published : own.flatMap(Self.vicunaDefaultSystem),
                    beginning: own.map { $0.contains("bos_token") } ?? true ? beginning : "", ending: ending ?? "</s>")
            }
        }

        /// The text between `<|im_start|>system\n` and `<|im_end|>` where the template has one word for word.
        private static func chatMLDefaultSystem(_ text: String) -> String? {
            for piece in text.components(separatedBy: "<|im_start|>system").dropFirst() {
                var content = piece
                // A line break stands in the file itself or as Jinja's escape.
                if content.hasPrefix("\\n") {
                    content.removeFirst(2)
                } else if content.hasPrefix("\n") {
                    content.removeFirst()
                }
                guard let end = content.range(of: "<|im_end|>") else { continue }
                content = String(content[..<end.lowerBound])
                if !content.isEmpty, !content.contains(where: { "'\"{}".contains($0) }) {
                    return content.replacingOccurrences(of: "\\n", with: "\n")
                }
            }
            return nil
        }

        /// The quoted text in `set system_message = "..."`.
        private static func vicunaDefaultSystem(_ text: String) -> String? {
            for piece in text.components(separatedBy: "set system_message = ").dropFirst() {
                guard let quote = piece.first, quote == "\"" || quote == "'" else { continue }
                if let end = piece.dropFirst().firstIndex(of: quote) {
                    return String(piece[piece.index(after: piece.startIndex)..<end])
                }
            }
            return nil
        }
    }
}
