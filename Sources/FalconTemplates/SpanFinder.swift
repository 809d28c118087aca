import FalconJSON

/// Finds what the assistant says in one rendered dialogue, by rendering parts and variants of it.
struct SpanFinder {
    private let program: ChatTemplateProgram
    private let context: TemplateContext
    private let text: [UInt8]
    private let ending: TurnEnding
    private let markers: Markers
    private let generationSpans: [Range<Int>]

    private var messages: [JSONValue] { context.messages }

    private struct Untold: Error { let reason: String }

    init(_ program: ChatTemplateProgram, _ context: TemplateContext, _ rendered: RenderedTemplate) {
        self.program = program
        self.context = context
        text = Array(rendered.text.utf8)
        generationSpans = rendered.generationSpans
        ending = TurnEnding(program, context)
        markers = Markers(context)
    }

    func spans() -> AssistantSpans {
        do {
            try refusePrintedLists()
            for (number, message) in messages.enumerated() where message["role"]?.string == "user" {
                try requireWords(of: number, in: 0..<text.count)
            }
            var spans: [AssistantSpan] = []
            for (number, message) in messages.enumerated() where message["role"]?.string == "assistant" {
                let start = try start(number)
                let end = try end(number, from: start)
                guard start >= spans.last?.range.upperBound ?? 0, start <= end, isBoundary(start), isBoundary(end)
                else {
                    throw Untold(reason: "the parts of messages before \(number) do not come in order")
                }
                guard start < end || (ending.tags.isEmpty && words(message).isEmpty && message["tool_calls"] == nil)
                else {
                    throw Untold(reason: "the template writes nothing for message \(number)")
                }
                // Beside a call of a tool many templates write no text; that is theirs to decide.
                if message["tool_calls"] == nil { try requireWords(of: number, in: start..<end) }
                let supervised = insertedThought(message, start, end)..<end
                spans.append(AssistantSpan(message: number, range: start..<end, supervised: supervised))
            }
            try check(spans)
            return .known(spans)
        } catch let untold as Untold {
            return .unknown(reason: untold.reason)
        } catch {
            return .unknown(reason: "\(error)")
        }
    }

    /// Scalars are never cut.
    private func isBoundary(_ place: Int) -> Bool { place >= text.count || text[place] & 0xC0 != 0x80 }

    private func rendered(_ messages: [JSONValue], _ addGenerationPrompt: Bool? = nil) -> [UInt8]? {
        program.bytes(context, messages, addGenerationPrompt: addGenerationPrompt ?? context.addGenerationPrompt)
    }

    /// A template that takes no parts writes them as Python writes a list, which no model was trained on.
    private func refusePrintedLists() throws {
        for (number, message) in messages.enumerated() {
            guard case .array? = message["content"], let content = message["content"] else { continue }
            let renderer = Renderer([], [], clock: context.clock, limits: program.limits)
            guard let list = try? renderer.printed(Value(content)) else { continue }
            if text[...].place(of: list.bytes, from: 0) != nil {
                throw Untold(reason: "the template writes the parts of message \(number) as a Python list")
            }
        }
    }

    /// The last line of each text of a message, which no template changes but at its ends.
    private func words(_ message: JSONValue) -> [[UInt8]] {
        let texts: [String] =
            switch message["content"] {
            case .string(let text)?: [text]
            case .array(let parts)?: parts.compactMap { $0["text"]?.string }
            default: []
            }
        return texts.compactMap { text in
            var answer = Text(text)
            for (_, close) in SpanFinder.thoughts {
                if let place = answer.findLast(Text(close)) {
                    answer = Text(answer.bytes[(place + close.utf8.count)...])
                }
            }
            return answer.trimmed().lines().last?.trimmed().bytes
        }.filter { !$0.isEmpty }
    }

    /// A template that knows no parts, or nothing but parts, may leave a text out without a word.
    private func requireWords(of number: Int, in range: Range<Int>) throws {
        for line in words(messages[number]) {
            guard let place = text[...].place(of: line, from: range.lowerBound), place + line.count <= range.upperBound
            else { throw Untold(reason: "the template leaves the text of message \(number) out") }
        }
    }

    // MARK: Where generation would begin

    /// Behind the spaces that a template writes with its header, as one text by itself: `{{ 'ASSISTANT: ' }}`, while
    /// its generation prompt ends before them. A lone `{{ ': ' }}` is no header: its space belongs to what is said.
    private func behindHeader(_ place: Int) -> Int {
        func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) || byte >= 0x80 }
        for literal in program.aloneLiterals {
            let name = literal.reversed().drop { $0 == UInt8(ascii: " ") }.count
            guard name < literal.count, literal[..<name].contains(where: isLetter), place >= name,
                ending.prompt.hasSuffix(Array(literal[..<name])),
                text[(place - name)...].starts(with: literal)
            else { continue }
            return place - name + literal.count
        }
        return place
    }

    private func start(_ number: Int) throws -> Int {
        // Without messages not every template writes its prompt.
        if let before = rendered(Array(messages[..<number]), true), text.starts(with: before),
            number > 0 || before.hasSuffix(ending.prompt)
        {
            return behindHeader(before.count)
        }
        guard let place = markedStart(number) else {
            throw Untold(reason: "the template writes what is before message \(number) otherwise in a longer dialogue")
        }
        return behindHeader(place)
    }

    /// The same with markers for the messages before: what lies between the last of those and the message is compared.
    private func markedStart(_ number: Int) -> Int? {
        let before = messages[..<number].enumerated().map { markers.replaced($1, $0) }
        let whole = before + messages[number...]
        guard let marked = rendered(whole) else { return nil }
        let prompt = number > 0 ? rendered(before, true) : ending.prompt
        guard let prompt else { return nil }
        var (place, promptPlace) = (0, 0)
        for anchor in (0..<number).reversed() {
            let mark = markers.marker(anchor)
            guard let first = marked.place(ofOnly: mark), let second = prompt.place(ofOnly: mark) else { continue }
            (place, promptPlace) = (first + mark.count, second + mark.count)
            break
        }
        let rest = Array(marked[place...])
        let expected = Array(prompt[promptPlace...])
        var length = expected.count
        if number == 0 || !rest.starts(with: expected) {
            guard !isLeftOut(number), let other = rendered(marked: number, in: whole),
                let answer = other.place(ofOnly: markers.marker(number)), answer >= place,
                other[..<place] == marked[..<place]
            else { return nil }
            let lead = Array(other[place..<answer])
            guard let found = leadLength(lead, rest, number > 0 ? expected : nil) else { return nil }
            length = found
        }
        let tail = marked.count - place - length
        guard tail <= text.count, text.hasSuffix(Array(marked[(place + length)...])) else { return nil }
        return text.count - tail
    }

    /// How much of what is written before an answer is not the answer's, where that is not just the generation prompt.
    ///
    /// - Parameters:
    ///   - lead: what comes before a marker in the answer's place.
    ///   - rest: what comes with the answer itself.
    ///   - expected: what comes before generation.
    private func leadLength(_ lead: [UInt8], _ rest: [UInt8], _ expected: [UInt8]?) -> Int? {
        let prompt = ending.prompt.trimmed
        // The turn before may be closed otherwise, but the prompt is there.
        if !prompt.isEmpty, let place = lead.lastPlace(of: prompt), rest.starts(with: lead[..<(place + prompt.count)]) {
            let behind = lead[(place + prompt.count)...]
            if behind.allSatisfy(isSpace), rest.starts(with: lead) { return lead.count }
        }
        guard let expected else {
            guard let place = lead.lastPlace(of: ending.prompt), !prompt.isEmpty else { return nil }
            let length = place + ending.prompt.count
            return rest.starts(with: lead[..<length]) ? length : nil
        }
        var length = min(lead.commonPrefix(expected), rest.commonPrefix(expected))
        // White space between a header and an answer is the header's.
        if lead[length...].allSatisfy(isSpace), rest.starts(with: lead) { return lead.count }
        // A prompt with a closed thought does not lend its opening to another thought.
        var words = expected[..<length]
        while let last = words.last, isSpace(last) { words.removeLast() }
        for open in SpanFinder.thoughts.map(\.open) where Array(words).hasSuffix(Array(open.utf8)) {
            length = words.count - open.utf8.count
        }
        return length
    }

    private func isLeftOut(_ number: Int) -> Bool {
        var without = messages
        without.remove(at: number)
        return !without.isEmpty && rendered(without) == text
    }

    private func rendered(marked number: Int, in messages: [JSONValue], isPlain: Bool = true) -> [UInt8]? {
        var messages = messages
        messages[number] = markers.replaced(messages[number], number, isPlain: isPlain)
        return rendered(messages)
    }

    // MARK: Where the turn ends

    private func end(_ number: Int, from start: Int) throws -> Int {
        if let upTo = rendered(Array(messages[...number]), false) {
            var core = upTo
            if ending.isKnown, core.hasSuffix(ending.trailer) {
                core.removeLast(ending.trailer.count)
            } else {
                while let last = core.last, isSpace(last) { core.removeLast() }
            }
            if core.count >= start, text.starts(with: core) { return core.count }
        }
        guard let place = markedEnd(number) ?? matchedEnd(number, from: start), place >= start else {
            throw Untold(reason: "the end of message \(number) cannot be told from what the template writes behind it")
        }
        return place
    }

    private func markedEnd(_ number: Int) -> Int? {
        let after = messages.indices.filter { $0 > number }
        var marked = messages
        for place in after { marked[place] = markers.replaced(messages[place], place) }
        guard let whole = after.isEmpty ? text : rendered(marked), let other = rendered(marked: number, in: marked)
        else {
            return nil
        }
        // Up to the next marker, or to the end.
        var (stop, otherStop) = (whole.count, other.count)
        for anchor in after {
            let mark = markers.marker(anchor)
            guard let first = whole.place(ofOnly: mark), let second = other.place(ofOnly: mark) else { continue }
            (stop, otherStop) = (first, second)
            break
        }
        let mark = markers.marker(number)
        guard let answer = other.place(ofOnly: mark), answer + mark.count <= otherStop else { return nil }
        let closing = Array(other[(answer + mark.count)..<otherStop])
        let head = Array(whole[..<stop])
        guard head.hasSuffix(closing) else { return nil }
        let end = stop - closing.count + ending.length(in: closing)
        return text.starts(with: whole[..<end]) ? end : nil
    }

    /// Where the dialogue up to the message ends as this part does: for calls of tools, behind which no marker fits.
    private func matchedEnd(_ number: Int, from start: Int) -> Int? {
        guard ending.isKnown, let upTo = rendered(Array(messages[...number]), false), upTo.hasSuffix(ending.trailer)
        else { return nil }
        let core = Array(upTo.dropLast(ending.trailer.count).reversed())
        var best: (length: Int, place: Int)?
        var isDoubtful = false
        for place in start...text.count {
            let length = text[start..<place].reversed().commonPrefix(core)
            guard length >= 16, length >= best?.length ?? 0 else { continue }
            isDoubtful = length == best?.length
            best = (length, place)
        }
        return isDoubtful ? nil : best?.place
    }

    // MARK: Checks

    /// A template's own marks must agree on which part is whose.
    private func check(_ spans: [AssistantSpan]) throws {
        guard program.usesGenerationTags, !generationSpans.isEmpty else { return }
        for span in spans where !span.range.isEmpty {
            guard generationSpans.contains(where: { $0.overlaps(span.range) }) else {
                throw Untold(reason: "the template's generation tags leave message \(span.message) out")
            }
        }
    }

    private static let thoughts: [(open: String, close: String)] = [
        ("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"),
    ]

    /// Where the supervised part begins: behind an empty thought of the template's own.
    private func insertedThought(_ message: JSONValue, _ start: Int, _ end: Int) -> Int {
        let content = message["content"]?.string ?? ""
        let part = Text(text[start..<end])
        let rest = part.trimmed(.start).string
        for (open, close) in SpanFinder.thoughts {
            guard !content.contains(close) else { continue }
            var tail = rest[...]
            if tail.hasPrefix(open) {
                tail = tail.dropFirst(open.count)
            } else {
                guard Text(text[..<start]).trimmed(.end).string.hasSuffix(open) else { continue }
            }
            let inside = Text(String(tail)).trimmed(.start).string
            guard inside.hasPrefix(close) else { continue }
            let answer = Text(String(inside.dropFirst(close.count))).trimmed(.start) { $0 == "\n" }
            return end - answer.bytes.count
        }
        return start
    }
}
