import FalconJSON
import Foundation

/// The files beside a `tokenizer.json` that may name tokens which it does not have: `tokenizer_config.json`, and
/// where that has no `added_tokens_decoder` also `special_tokens_map.json` and `added_tokens.json`.
///
/// They are read as transformers does when it makes a fast tokenizer of a folder (`TokenizersBackend`, version 5).
struct AddedTokenFiles {
    private struct Mention {
        var token: AddedToken
        /// Whether the file says if the token is looked for in normalised text.
        let saysNormalized: Bool
        /// Whether the file has the text alone.
        let isText: Bool

        init(text: String) {
            token = AddedToken(content: text, isSpecial: true)
            saysNormalized = true
            isText = true
        }

        init(_ token: AddedToken) {
            self.token = token
            saysNormalized = true
            isText = false
        }

        init(_ field: JSONField, isSpecial: Bool? = nil) throws {
            token = try AddedToken(field, isSpecial: isSpecial)
            saysNormalized = field["normalized"].value != nil
            isText = false
        }

        var content: [UInt8] { Array(token.content.utf8) }
    }

    private static let roles = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    private let config: JSONField
    private let map: JSONField
    private let added: JSONField

    /// - Throws: `TokenizerError` naming a file that is no JSON object.
    init(folder: String) throws {
        func document(_ name: String) throws -> JSONField {
            let path = folder + (folder.hasSuffix("/") ? "" : "/") + name
            guard let bytes = try FileContent.bytes(ofOptional: path) else {
                return JSONField(file: path, path: "", value: nil)
            }
            do {
                let value = try JSONParser.parse(bytes)
                guard value.object != nil else { throw TokenizerError(path, "is \(value.kind), and no object") }
                return JSONField(file: path, path: "", value: value)
            } catch let error as TokenizerError {
                throw error
            } catch {
                throw TokenizerError(path, "is not JSON: \(error)")
            }
        }
        config = try document("tokenizer_config.json")
        map = try document("special_tokens_map.json")
        added = try document("added_tokens.json")
    }

    /// The tokens to add to those of `tokenizer.json`, or to describe in another way, in order.
    ///
    /// - Parameter own: those that `tokenizer.json` has, with the ids that it names.
    /// - Throws: `TokenizerError` naming the file and the field.
    func tokens(beside own: [(id: Int, token: AddedToken)]) throws -> [AddedToken] {
        guard try !config["split_special_tokens"].boolean(otherwise: false) else {
            throw config["split_special_tokens"].error("is true, which is not supported; set it to false")
        }
        let isListed = config["added_tokens_decoder"].value != nil
        let named = try roles(readsMap: !isListed)
        let further = try furtherTokens(readsMap: !isListed)

        var listed: [Int: Mention] = [:]
        if isListed {
            for member in try config["added_tokens_decoder"].members() {
                guard let id = Int(member.key) else {
                    throw config["added_tokens_decoder"].error("has the key '\(member.key)', which is no id")
                }
                listed[id] = try Mention(config["added_tokens_decoder"][member.key])
            }
        } else {
            let special = specialTexts()
            for member in added.value == nil ? [] : try added.members() {
                let id = try added[member.key].integer()
                guard !member.key.isEmpty else { throw added.error("names a token without any character") }
                if let other = listed[id] {
                    throw added.error("gives '\(other.token.content)' and '\(member.key)' the id \(id)")
                }
                var mention = Mention(text: member.key)
                mention.token.isSpecial = special.contains(mention.content)
                mention.token.isNormalized = !mention.token.isSpecial
                listed[id] = mention
            }
            // What `tokenizer.json` has under an id counts.
            for (id, token) in own { listed[id] = Mention(token) }
        }
        return merged(own.map(\.token), listed.sorted { $0.key < $1.key }.map(\.value), named, further)
    }

    /// What makes a token of `added_tokens.json` a special one: being named as a text in `tokenizer_config.json`, or in
    /// any way in `special_tokens_map.json`, but for its `additional_special_tokens`.
    private func specialTexts() -> Set<[UInt8]> {
        func content(_ value: JSONValue) -> String? { value.string ?? value["content"]?.string }
        var texts = Self.roles.compactMap { role in
            map.value?[role].map { content($0) } ?? config.value?[role]?.string
        }
        let extra = config["extra_special_tokens"].value
        let isGiven = extra.map { $0.array?.isEmpty != true } ?? false
        let list = isGiven ? extra : config["additional_special_tokens"].value
        texts += (list?.array ?? []).compactMap(\.string)
        texts += (map["extra_special_tokens"].value?.array ?? []).compactMap(content)
        return Set(texts.map { Array($0.utf8) })
    }

    /// The listed tokens, then those with a role, then further ones. One that is mentioned twice in different ways
    /// comes twice.
    private func merged(
        _ own: [AddedToken], _ listed: [Mention], _ named: [Mention], _ further: [Mention]
    ) -> [AddedToken] {
        var result = listed
        let known = Set(own.map { Array($0.content.utf8) } + listed.map(\.content))
        var seen: Set<[UInt8]> = []
        for mention in named + further where !known.contains(mention.content) {
            let summary = Array(((mention.isText ? "text " : "") + mention.token.summary).utf8)
            if seen.insert(summary).inserted { result.append(mention) }
        }
        let roles = Set(named.map(\.content))
        return result.map { mention in
            var token = mention.token
            if !token.isSpecial, roles.contains(mention.content) {
                token.isSpecial = true
                if !mention.saysNormalized { token.isNormalized = false }
            }
            return token
        }
    }

    /// The tokens with a role such as `bos_token`: those that all models know in their order, then those of one model,
    /// where transformers takes what comes as a text, or under `extra_special_tokens`, after the rest.
    private func roles(readsMap: Bool) throws -> [Mention] {
        var common: [String: Mention] = [:]
        var own: [(role: String, mention: Mention)] = []
        var late: [(role: String, mention: Mention)] = []
        func note(_ role: String, _ mention: Mention, _ list: inout [(role: String, mention: Mention)]) {
            if let place = list.firstIndex(where: { $0.role == role }) {
                list[place].mention = mention
            } else {
                list.append((role, mention))
            }
        }
        for file in readsMap ? [config, map] : [config] {
            let isMap = file.file == map.file
            for member in file.value?.object?.members ?? [] where member.key.hasSuffix("_token") {
                guard let mention = try mention(file[member.key], isSpecial: isMap ? true : nil) else { continue }
                if Self.roles.contains(member.key) {
                    common[member.key] = mention
                } else if isMap || !mention.isText {
                    note(member.key, mention, &own)
                } else {
                    note(member.key, mention, &late)
                }
            }
            let extra = file["extra_special_tokens"]
            for member in extra.value?.object?.members ?? [] {
                if let mention = try mention(extra[member.key], isSpecial: nil) { note(member.key, mention, &late) }
            }
        }
        for (role, mention) in late { note(role, mention, &own) }
        return Self.roles.compactMap { common[$0] } + own.map(\.mention)
    }

    /// `nil` where there is none; an empty text is taken for none, and so is what is no token, as `add_bos_token`.
    private func mention(_ field: JSONField, isSpecial: Bool?) throws -> Mention? {
        if let text = field.value?.string { return text.isEmpty ? nil : Mention(text: text) }
        return field.value?.object == nil ? nil : try Mention(field, isSpecial: isSpecial)
    }

    private func furtherTokens(readsMap: Bool) throws -> [Mention] {
        var found: [Mention] = []
        var isNamed = false
        for file in readsMap ? [config, map] : [config] {
            let extra = file["extra_special_tokens"]
            let isEmpty = extra.value == nil || extra.value?.object != nil || extra.value?.array?.isEmpty == true
            // The older name counts only where no other has been given.
            let field = isEmpty && !isNamed ? file["additional_special_tokens"] : extra
            if file.value?["extra_special_tokens"].map({ $0.object == nil }) ?? (field.value != nil) { isNamed = true }
            guard field.value != nil, field.value?.object == nil else { continue }
            for entry in try field.elements() {
                if entry.value?.string?.isEmpty ?? false { continue }
                let mention = try mention(entry, isSpecial: file.file == map.file ? true : nil)
                found.append(try mention ?? Mention(entry))
            }
        }
        return found
    }
}
