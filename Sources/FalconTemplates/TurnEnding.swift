import FalconJSON

/// How a template closes an answer, found by rendering a question and an answer of our own.
struct TurnEnding {
    /// End-of-turn texts, with the spaces that the template writes as a part of them.
    private(set) var tags: [[UInt8]] = []
    /// What is written behind the end of the last answer of a dialogue: a line end, or what else the template adds.
    private(set) var trailer: [UInt8] = []
    /// What a generation prompt writes; empty where there is none.
    private(set) var prompt: [UInt8] = []
    /// Whether the template could be asked at all.
    private(set) var isKnown = false

    init(_ program: ChatTemplateProgram, _ context: TemplateContext) {
        let marks = Markers(context)
        func text(_ roles: [String]) -> [UInt8]? {
            let messages = roles.enumerated().map { marks.message($1, marks.marker($0)) }
            return program.bytes(context, messages, addGenerationPrompt: false)
        }
        let (question, answer) = (marks.marker(0), marks.marker(1))
        guard let pair = text(["user", "assistant"]), let opening = pair.place(ofOnly: question),
            let place = pair.place(ofOnly: answer)
        else { return }
        isKnown = true
        if let closed = text(["user"]),
            let open = program.bytes(context, [marks.message("user", question)], addGenerationPrompt: true)
        {
            prompt = Array(open[closed.commonPrefix(open)...])
        }
        let closing = Array(pair[(place + answer.count)...])
        trailer = closing
        guard let tag = TurnEnding.tag(in: closing) else { return }
        // A template that always adds a prompt writes the next turn's opening there, which is no end of a turn.
        let preface = Array(pair[..<opening])
        guard !TurnEnding.opens(closing[tag].trimmed, preface) else { return }
        let whole = program.spaced(closing, tag)
        tags = [Array(closing[whole])]
        trailer = Array(closing[whole.upperBound...])
        if let longer = text(["user", "assistant", "user"]), let first = longer.place(ofOnly: answer),
            let last = longer.place(ofOnly: marks.marker(2)), first + answer.count <= last
        {
            let between = Array(longer[(first + answer.count)..<last])
            if let other = TurnEnding.tag(in: between), between[other].trimmed != closing[tag].trimmed,
                !TurnEnding.opens(between[other].trimmed, preface)
            {
                tags.append(Array(between[program.spaced(between, other)]))
            }
        }
    }

    /// How much of a closing belongs to the turn: up to and with its end-of-turn text, or nothing.
    func length(in closing: [UInt8]) -> Int {
        guard !tags.isEmpty else { return 0 }
        for tag in tags where closing.starts(with: tag) { return tag.count }
        let start = closing.firstIndex { !isSpace($0) } ?? closing.count
        for tag in tags where closing[start...].starts(with: tag.trimmed) { return start + tag.trimmed.count }
        return TurnEnding.tag(in: closing)?.upperBound ?? 0
    }

    /// White space and the first thing in brackets, `<|im_end|>`, `</s>`, `[EOT]`.
    private static func tag(in closing: [UInt8]) -> Range<Int>? {
        guard let start = closing.firstIndex(where: { !isSpace($0) }) else { return nil }
        let close: UInt8
        switch closing[start] {
        case UInt8(ascii: "<"): close = UInt8(ascii: ">")
        case UInt8(ascii: "["): close = UInt8(ascii: "]")
        default: return nil
        }
        var end = start
        while end < closing.count, !isSpace(closing[end]) {
            end += 1
            if closing[end - 1] == close { return start..<end }
        }
        return end - start > 1 ? start..<end : nil
    }

    /// Whether a tag stands right before what a question begins with: the last of the tags before it.
    private static func opens(_ tag: [UInt8], _ preface: [UInt8]) -> Bool {
        guard let place = preface.lastPlace(of: tag) else { return false }
        return !preface[(place + tag.count)...].contains { $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: "[") }
    }
}

func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

extension Sequence where Element == UInt8, Self: BidirectionalCollection {
    /// Without ASCII white space at both ends.
    var trimmed: [UInt8] {
        Array(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}

extension [UInt8] {
    /// Where a marker is, if it is there once.
    func place(ofOnly mark: [UInt8]) -> Int? {
        guard let first = self[...].place(of: mark, from: 0) else { return nil }
        return self[...].place(of: mark, from: first + mark.count) == nil ? first : nil
    }

    func lastPlace(of mark: [UInt8]) -> Int? {
        var place = count - mark.count
        while place >= 0 {
            if self[place...].starts(with: mark) { return place }
            place -= 1
        }
        return nil
    }

    func hasSuffix(_ end: [UInt8]) -> Bool { count >= end.count && self[(count - end.count)...].elementsEqual(end) }

    func commonPrefix(_ other: [UInt8]) -> Int {
        var length = 0
        while length < count, length < other.count, self[length] == other[length] { length += 1 }
        return length
    }
}

/// Texts that stand for messages: no template changes them, and no dialogue holds them.
struct Markers {
    private let salt: String
    private let usesParts: Bool

    init(_ context: TemplateContext) {
        usesParts = context.messages.contains { $0["content"]?.array != nil }
        func holds(_ value: JSONValue, _ text: String) -> Bool {
            switch value {
            case .string(let string): string.contains(text)
            case .array(let values): values.contains { holds($0, text) }
            case .object(let object): object.members.contains { holds($0.value, text) }
            default: false
            }
        }
        var salt = "Zq8Vx"
        while context.messages.contains(where: { holds($0, salt) }) { salt += "K" }
        self.salt = salt
    }

    func marker(_ number: Int) -> [UInt8] { Array("\(salt)Mark\(number)xZ".utf8) }

    func message(_ role: String, _ marker: [UInt8]) -> JSONValue {
        var message = JSONObject()
        message.append("role", .string(role))
        message.append("content", content(marker))
        return .object(message)
    }

    private func content(_ marker: [UInt8]) -> JSONValue {
        let text = JSONValue.string(String(decoding: marker, as: UTF8.self))
        guard usesParts else { return text }
        var part = JSONObject()
        part.append("type", .string("text"))
        part.append("text", text)
        return .array([.object(part)])
    }

    /// The message with a marker for its text and without thoughts; the same where it has no text.
    ///
    /// - Parameter isPlain: also without tool calls.
    func replaced(_ message: JSONValue, _ number: Int, isPlain: Bool = false) -> JSONValue {
        guard case .object(var object) = message else { return message }
        for name in ["reasoning_content", "thinking", "reasoning"] { object[name] = nil }
        if isPlain { object["tool_calls"] = nil }
        let text = String(decoding: marker(number), as: UTF8.self)
        switch object["content"] {
        case .array(let parts)?:
            var isFirst = true
            object["content"] = .array(
                parts.map { part in
                    guard case .object(var members) = part, members["text"] != nil else { return part }
                    members["text"] = .string(isFirst ? text : "")
                    isFirst = false
                    return .object(members)
                })
        case .string(let old)? where !old.isEmpty || isPlain: object["content"] = .string(text)
        case nil where isPlain, .null? where isPlain: object["content"] = content(marker(number))
        default: break
        }
        return .object(object)
    }
}

extension ChatTemplateProgram {
    /// Other messages in the same context; `nil` where the template refuses them.
    func bytes(_ context: TemplateContext, _ messages: [JSONValue], addGenerationPrompt: Bool) -> [UInt8]? {
        var context = context
        context.messages = messages
        context.addGenerationPrompt = addGenerationPrompt
        guard let text = try? render(context, allowsNone: true).text else { return nil }
        return Array(text.utf8)
    }

    /// A tag with the spaces around it, where the template itself writes them as one text (`' <step> '`).
    func spaced(_ closing: [UInt8], _ tag: Range<Int>) -> Range<Int> {
        let name = closing[tag].trimmed
        let start = tag.upperBound - name.count
        for literal in literals where literal.trimmed == name && literal.count > name.count {
            let lead = literal.prefix(while: isSpace).count
            guard start >= lead, !literal.contains(0x0A), closing[(start - lead)...].starts(with: literal) else {
                continue
            }
            return tag.lowerBound..<(start - lead + literal.count)
        }
        return tag
    }
}
