import FalconJSON
import Foundation

/// What a model's files say about its chat template, as transformers reads them.
package struct ModelTemplate: Sendable {
    /// The file that the template was found in, or should have been: what errors call it.
    package let path: String
    /// A text, or a list of `{name, template}`; `nil` where the model has none.
    package let source: JSONValue?
    /// `bos_token`, `eos_token` and whatever else ends in `_token`; a missing one is undefined in the template.
    package let specialTokens: [String: String]

    package init(path: String, source: JSONValue?, specialTokens: [String: String]) {
        (self.path, self.source, self.specialTokens) = (path, source, specialTokens)
    }

    /// - Parameter templates: one for chats is named "default".
    package init(path: String, templates: [(name: String, text: String)], specialTokens: [String: String]) {
        (self.path, self.specialTokens) = (path, specialTokens)
        source =
            if templates.isEmpty {
                nil
            } else if templates.count == 1, templates[0].name == "default" {
                .string(templates[0].text)
            } else {
                .array(templates.map(Self.named))
            }
    }

    /// Reads `chat_template.jinja` and `additional_chat_templates/`, or else `tokenizer_config.json`, and the special
    /// tokens of that and `special_tokens_map.json`.
    ///
    /// - Throws: `TokenizerError` that names the file.
    package init(folder: String) throws {
        let base = folder + (folder.hasSuffix("/") ? "" : "/")
        let configurationPath = base + "tokenizer_config.json"
        let configuration = try Self.object(configurationPath)
        let specialTokens = try Self.specialTokens(configuration, base)
        var files: [(name: String, path: String)] = []
        if FileManager.default.fileExists(atPath: base + "chat_template.jinja") {
            files.append(("default", base + "chat_template.jinja"))
        }
        let more = base + "additional_chat_templates"
        for file in ((try? FileManager.default.contentsOfDirectory(atPath: more)) ?? []).sorted()
        where file.hasSuffix(".jinja") {
            files.append((String(file.dropLast(6)), more + "/" + file))
        }
        if !files.isEmpty {
            self.init(
                path: files[0].path, templates: try files.map { (name: $0.name, text: try Self.text($0.path)) },
                specialTokens: specialTokens)
        } else if let own = configuration["chat_template"], !own.isNull {
            self.init(path: configurationPath, source: own, specialTokens: specialTokens)
        } else {
            // Of models with a processor, before there was chat_template.jinja.
            let legacy = base + "chat_template.json"
            let template = try Self.object(legacy)["chat_template"]
            self.init(
                path: template == nil ? configurationPath : legacy, source: template, specialTokens: specialTokens)
        }
    }

    /// One template of a list.
    static func named(_ name: String, _ text: String) -> JSONValue {
        var object = JSONObject()
        object.append("name", .string(name))
        object.append("template", .string(text))
        return .object(object)
    }

    static func text(_ path: String) throws -> String {
        guard let text = String(validating: try FileContent.bytes(of: path), as: UTF8.self) else {
            throw TokenizerError(path, "is not UTF-8")
        }
        return text
    }

    /// The members of a file that may be missing.
    private static func object(_ path: String) throws -> JSONObject {
        guard let bytes = try FileContent.bytes(ofOptional: path) else { return JSONObject() }
        do {
            let value = try JSONParser.parse(bytes)
            guard let object = value.object else { throw TokenizerError(path, "is \(value.kind), not an object") }
            return object
        } catch let error as JSONError {
            let start = Array(bytes.prefix(FileSignature.length))
            throw TokenizerError(path, FileSignature.problem(beginning: start) ?? "is not JSON: \(error)")
        }
    }

    /// `special_tokens_map.json` counts only beside a configuration without `added_tokens_decoder`, and then first.
    private static func specialTokens(_ configuration: JSONObject, _ base: String) throws -> [String: String] {
        var tokens = defaults(configuration["tokenizer_class"]?.string ?? "")
        func add(_ object: JSONObject) {
            for member in object.members where member.key.hasSuffix("_token") {
                if member.value.isNull { tokens[member.key] = nil }
                // Written as a string, or as an added token with its flags.
                if let text = member.value.string ?? member.value["content"]?.string { tokens[member.key] = text }
            }
            for member in object["extra_special_tokens"]?.object?.members ?? [] {
                if let text = member.value.string ?? member.value["content"]?.string { tokens[member.key] = text }
            }
        }
        add(configuration)
        if configuration["added_tokens_decoder"] == nil { add(try object(base + "special_tokens_map.json")) }
        return tokens
    }

    /// What transformers takes where a class's own tokens are not written down.
    private static func defaults(_ tokenizerClass: String) -> [String: String] {
        switch tokenizerClass.replacingOccurrences(of: "Fast", with: "") {
        case "LlamaTokenizer", "CodeLlamaTokenizer":
            ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"]
        case "Qwen2Tokenizer":
            ["eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"]
        case "GPT2Tokenizer":
            ["bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"]
        case "GemmaTokenizer":
            ["bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"]
        default: [:]
        }
    }
}
