import FalconDigest
import FalconJSON
import FalconTemplates

/// A model's chat template with all that it is given: the program, special tokens, the user's arguments, a clock.
///
/// Dialogues of data sets go through `supervised` and `prompt`, which find a form for what rows leave open;
/// `rendered` gives a template what it is given, as transformers does.
package struct ChatTemplate: Sendable {
    /// Where it is from, for one line: "its own, from MODEL/tokenizer_config.json", "chatml, asked for ...".
    package let origin: String
    /// What the tokens of a folder of features depend on, by name.
    package let settings: [String: String]
    /// The text that closes an answer, e.g. `<|im_end|>`; `nil` where there is none that can be told.
    package var endOfTurn: String? { endsOfTurn.first }
    /// Also the texts that close an answer within a dialogue, where they are others.
    let endsOfTurn: [String]
    /// Whether what an assistant message calls is written at all.
    package let writesToolCalls: Bool
    /// Whether thoughts that stand in a member of their own are written, at least in the last answer.
    let writesThoughts: Bool
    private let programs: ChatTemplateSet
    private let specialTokens: [String: String]
    private let arguments: JSONObject
    private let clock: TemplateClock
    private let knowsDeveloper: Bool
    /// The sources of all programs, for what has to be looked for in them.
    private let sources: [String]

    /// - Parameters:
    ///   - name: what stands for the template among `settings`: a style's name, or `nil` for the digest of its text.
    ///   - now: the time that it sees.
    /// - Throws: `TokenizerError` where there is no template for chats without tools.
    init(
        _ programs: ChatTemplateSet, sources: [String], name: String?, origin: String, specialTokens: [String: String],
        choice: TemplateChoice, now: String
    ) throws {
        (self.programs, self.sources, self.specialTokens) = (programs, sources, specialTokens)
        arguments = choice.arguments
        // Runs of one day that write only the date go on with each other's work.
        let seesHour = sources.contains { text in Self.hourFormats.contains { text.contains($0) } }
        let now = seesHour ? now : String(now.prefix(10))
        guard let clock = TemplateClock(now) else { throw TokenizerError("--now", "is '\(now)', which is no time") }
        self.clock = clock
        knowsDeveloper = sources.contains { $0.contains("developer") }
        var settings = ["template": name ?? Self.digest(sources, specialTokens)]
        if arguments.count > 0 { settings["template_arguments"] = JSONValue.object(arguments).text() }
        let seesTime = sources.contains { $0.contains("strftime_now") }
        if seesTime { settings[Self.timeKey] = now }
        self.settings = settings
        self.origin = origin + (seesTime ? ", which writes the date: \(now)" : "")

        var context = TemplateContext(messages: [])
        (context.specialTokens, context.arguments, context.clock) = (specialTokens, arguments, clock)
        endsOfTurn = try programs.program(hasTools: false).endsOfTurn(context)
        context.messages = Self.probeThought
        let thinking = try? programs.program(hasTools: false).render(context).text
        writesThoughts = thinking?.contains(Self.probeName) == true
        writesToolCalls = Self.probeMessages.contains { messages in
            context.messages = messages
            return [false, true].compactMap { try? programs.program(hasTools: $0) }
                .contains { (try? $0.render(context))?.text.contains(Self.probeName) == true }
        }
    }

    private static let hourFormats = ["%H", "%I", "%p", "%M", "%S", "%f", "%c", "%X", "%T", "%R", "%r", "%s"]

    /// Among `settings` where the template writes the time.
    package static let timeKey = "template_now"

    private static func digest(_ sources: [String], _ specialTokens: [String: String]) -> String {
        let tokens = specialTokens.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.utf8.count) \($0.value)" }
        return String(SHA256Digest.hexadecimal(of: Array((sources + tokens).joined(separator: "\n").utf8)).prefix(16))
    }

    private static let probeName = "falcon_probe_call"
    private static let probeThought: [JSONValue] = {
        let text = """
            [{"role": "user", "content": "a"}, {"role": "assistant", "reasoning_content": "\(probeName)", \
            "content": "b"}]
            """
        return (try? JSONParser.parse(Array(text.utf8)))?.array ?? []
    }()
    /// Chats with one call, in the spellings of which a template that writes calls knows one.
    private static let probeMessages: [[JSONValue]] = ["{}", #""{}""#].flatMap { arguments in
        ["", #""content": "", "#].map { content in
            let text = """
                [{"role": "user", "content": "a"}, {"role": "assistant", \(content)"tool_calls": [{"id": "abcdefghi", \
                "type": "function", "function": {"name": "\(probeName)", "arguments": \(arguments)}}]}]
                """
            return (try? JSONParser.parse(Array(text.utf8)))?.array ?? []
        }
    }

    /// Messages as they are, given to the template as transformers does.
    ///
    /// - Returns: the text, its tokens, and 1 for each token that has a part in an answer; no mask where the answers
    ///   cannot be told apart.
    /// - Throws: `DialogueRefusal` where the template refuses them.
    package func encode(
        _ messages: [JSONValue], _ variables: JSONObject = JSONObject(), addGenerationPrompt: Bool = false,
        _ tokenizer: Tokenizer
    ) throws -> (text: String, ids: [Int32], mask: [UInt8]?) {
        let chat = try spans(context(messages, variables, addGenerationPrompt))
        guard case .known(let spans) = chat.spans else { return (chat.text, tokenizer.encode(chat.text), nil) }
        let (ids, mask) = tokenizer.encode(chat.text, marking: spans.map(\.range))
        return (chat.text, ids, mask)
    }

    private func context(
        _ messages: [JSONValue], _ variables: JSONObject, _ addGenerationPrompt: Bool
    ) -> TemplateContext {
        var context = TemplateContext(messages: messages)
        (context.specialTokens, context.arguments, context.clock) = (specialTokens, arguments, clock)
        context.addGenerationPrompt = addGenerationPrompt
        for member in variables.members {
            switch member.key {
            case "tools": context.tools = member.value
            case "documents": context.documents = member.value
            default: context.arguments[member.key] = member.value
            }
        }
        return context
    }

    private func program(_ context: TemplateContext) throws -> ChatTemplateProgram {
        try programs.program(hasTools: context.tools.map { !$0.isNull } ?? false)
    }

    private func spans(_ context: TemplateContext) throws -> SupervisedTemplate {
        do {
            return try program(context).assistantSpans(context)
        } catch let error as TemplateError {
            throw DialogueRefusal(error, sources: sources)
        }
    }
}

extension ChatTemplate {
    /// A dialogue of a data set as text, and which parts of it the assistant says.
    ///
    /// - Throws: `DialogueRefusal` where the template has no form for it.
    package func supervised(
        _ messages: [ChatMessage], _ variables: JSONObject = JSONObject(), addGenerationPrompt: Bool = false
    ) throws -> SupervisedTemplate {
        try inSomeForm(messages) { try spans(context($0, variables, addGenerationPrompt)) }
    }

    /// The text that the assistant's next answer follows.
    ///
    /// - Throws: `DialogueRefusal` where the template has no form for it.
    package func prompt(_ messages: [ChatMessage], _ variables: JSONObject = JSONObject()) throws -> String {
        try inSomeForm(messages) { try text(context($0, variables, true)) }
    }

    /// The same without a place for the next answer; `nil` where the template has no form for the messages.
    func text(_ messages: [ChatMessage], _ variables: JSONObject) -> String? {
        try? inSomeForm(messages) { try text(context($0, variables, false)) }
    }

    private func text(_ context: TemplateContext) throws -> String {
        do {
            return try program(context).render(context).text
        } catch let error as TemplateError {
            throw DialogueRefusal(error, sources: sources)
        }
    }

    /// Tries the spellings of a message's calls, of which a template may know one only: arguments as an object or as
    /// JSON text, content that is missing or empty.
    private func inSomeForm<Result>(
        _ messages: [ChatMessage], _ render: ([JSONValue]) throws -> Result
    ) throws -> Result {
        var plain = messages.map(\.fields)
        if !knowsDeveloper {
            for index in plain.indices where plain[index]["role"]?.string == "developer" {
                plain[index]["role"] = .string("system")
            }
        }
        guard plain.contains(where: { $0["tool_calls"] != nil || $0["content"] == nil }) else {
            return try render(plain.map(JSONValue.object))
        }
        let objects = plain.map { ToolCalls.message($0, argumentsAsText: false) }
        let texts = plain.map { ToolCalls.message($0, argumentsAsText: true) }
        let forms = [
            objects, objects.map(ToolCalls.withContent), texts, texts.map(ToolCalls.withContent),
        ]
        var first: (any Error)?
        for form in forms {
            do { return try render(form.map(JSONValue.object)) } catch { first = first ?? error }
        }
        throw first ?? DialogueRefusal(kind: "it has no messages", description: "no messages")
    }
}

/// The spellings of calls in a message.
enum ToolCalls {
    /// The message with the arguments of its calls as JSON text, or as objects where they are such a text.
    static func message(_ fields: JSONObject, argumentsAsText: Bool) -> JSONObject {
        guard let calls = fields["tool_calls"]?.array else { return fields }
        var fields = fields
        fields["tool_calls"] = .array(
            calls.map { call in
                guard var object = call.object else { return call }
                if var function = object["function"]?.object, let arguments = function["arguments"] {
                    function["arguments"] = spelled(arguments, asText: argumentsAsText)
                    object["function"] = .object(function)
                } else if let arguments = object["arguments"] {
                    object["arguments"] = spelled(arguments, asText: argumentsAsText)
                }
                return .object(object)
            })
        return fields
    }

    private static func spelled(_ arguments: JSONValue, asText: Bool) -> JSONValue {
        if asText { return arguments.string == nil ? .string(arguments.text()) : arguments }
        let unpacked = ChatRow.unpacked(arguments)
        return unpacked.object == nil ? arguments : unpacked
    }

    /// With empty content where there is none.
    static func withContent(_ fields: JSONObject) -> JSONObject {
        guard fields["content"] == nil else { return fields }
        var fields = fields
        fields["content"] = .string("")
        return fields
    }
}

/// Why a template cannot write a dialogue.
package struct DialogueRefusal: Error, CustomStringConvertible, Equatable {
    /// What to count: the same for all dialogues that are refused for this reason.
    package let kind: String
    package let description: String

    init(kind: String, description: String) { (self.kind, self.description) = (kind, description) }

    init(_ error: TemplateError, sources: [String]) {
        description = "\(error)"
        // Some templates put parts of the message into their reason.
        if let raised = error.raised, sources.contains(where: { $0.contains(raised) }) {
            kind = "the template has no form for it: \(raised.prefix(120))"
        } else {
            kind = "the template has no form for it" + (error.line.map { " (line \($0) of it)" } ?? "")
        }
    }
}
