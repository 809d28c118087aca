import FalconJSON
import FalconTemplates
import FalconTensor

extension FixtureFamily {
    /// Published chat templates: each dialogue as text, or refused by both; and templates that must be refused.
    static let templates = FixtureFamily(name: "templates") { folder in
        let root = FixtureFolder(path: folder + "/templates")
        let published = try root.folders(with: "template.jinja").map { folder in
            FixtureJob { record in try TemplateCases(folder).compareTexts(&record) }
        }
        guard root.has("bad/bad.json") else { return published }
        return published + [FixtureJob { try TemplateCases.refuse(root.json("bad/bad.json"), &$0) }]
    }

    /// What the assistant says in those dialogues, and what the templates themselves mark.
    static let spans = FixtureFamily(name: "spans") { folder in
        try FixtureFolder(path: folder + "/templates").folders(with: "template.jinja").map { folder in
            FixtureJob { record in try TemplateCases(folder).compareSpans(&record) }
        }
    }
}

private struct TemplateCases {
    private let name: String
    private let program: ChatTemplateProgram
    private let tokens: [String: String]
    private let clock: TemplateClock
    private let cases: [JSONValue]

    init(_ folder: FixtureFolder) throws {
        name = folder.name
        let file = try MappedFile(path: folder["template.jinja"])
        let source = String(decoding: file.bytes(0..<file.count), as: UTF8.self)
        program = try ChatTemplateProgram(source, name: folder.name)
        var tokens: [String: String] = [:]
        for member in try folder.json("special_tokens.json").object?.members ?? [] {
            tokens[member.key] = member.value.string
        }
        self.tokens = tokens
        let document = try folder.json("cases.json")
        guard let clock = TemplateClock(document["now"]?.string ?? "") else {
            throw FileError(folder["cases.json"], "'now' is no time")
        }
        self.clock = clock
        cases = document["cases"]?.array ?? []
    }

    private func context(_ test: JSONValue) -> TemplateContext {
        var arguments = test["kwargs"]?.object ?? JSONObject()
        let (tools, documents) = (arguments["tools"], arguments["documents"])
        arguments["tools"] = nil
        arguments["documents"] = nil
        return TemplateContext(
            messages: test["messages"]?.array ?? [], tools: tools, documents: documents,
            addGenerationPrompt: test["add_generation_prompt"]?.boolean ?? false, specialTokens: tokens,
            arguments: arguments, clock: clock, keepsNulls: test["null_kept"]?.boolean ?? false)
    }

    func compareTexts(_ record: inout FixtureRecord) throws {
        for test in cases {
            record.check("\(name) \(test["name"]?.string ?? "")") { comparison in
                do {
                    let text = try program.render(context(test)).text
                    comparison.same(text, test["expected"]?.string, "the text")
                } catch let error as TemplateError {
                    comparison.expect(test["error"] != nil, "refused: \(error)")
                    comparison.equal("\(error)".split(separator: "\n").count, 1, "the lines of the error")
                    guard test["error"]?["kind"]?.string == "raise_exception" else { return }
                    comparison.same(error.raised, test["error"]?["message"]?.string, "the message")
                }
            }
        }
    }

    func compareSpans(_ record: inout FixtureRecord) throws {
        for test in cases where test["assistant_spans"] != nil || test["generation_spans"] != nil {
            record.check("\(name) \(test["name"]?.string ?? "")") { comparison in
                let context = context(test)
                let result = try program.assistantSpans(context)
                func scalars(_ range: Range<Int>) -> [Int] {
                    let bytes = Array(result.text.utf8)
                    return [range.lowerBound, range.upperBound].map {
                        String(decoding: bytes[..<$0], as: UTF8.self).unicodeScalars.count
                    }
                }
                func expected(_ name: String) -> [[Int]]? {
                    test[name]?.array?.map { $0.array?.compactMap(\.integer) ?? [] }
                }
                if let expected = expected("assistant_spans") {
                    switch result.spans {
                    case .known(let spans):
                        comparison.equal(spans.map { scalars($0.range) }, expected, "the assistant's spans")
                    case .unknown(let reason): comparison.fail("the spans are not told: \(reason)")
                    }
                }
                if let expected = expected("generation_spans") {
                    let spans = try program.render(context).generationSpans
                    comparison.equal(spans.map(scalars), expected, "the spans of generation tags")
                }
            }
        }
    }

    /// Wrong and hostile templates.
    static func refuse(_ document: JSONValue, _ record: inout FixtureRecord) throws {
        var limits = TemplateLimits()
        limits.steps = 300_000
        limits.textBytes = 1 << 20
        var message = JSONObject()
        message.append("role", .string("user"))
        message.append("content", .string("Hi"))
        let context = TemplateContext(messages: [.object(message)])
        for test in document.array ?? [] {
            let name = test["name"]?.string ?? ""
            record.check("bad \(name)") { comparison in
                do {
                    let program = try ChatTemplateProgram(test["template"]?.string ?? "", name: name, limits: limits)
                    _ = try program.render(context)
                    comparison.expect(test["may_render"]?.boolean == true, "rendered what must be refused")
                } catch let error as TemplateError {
                    comparison.equal("\(error)".split(separator: "\n").count, 1, "the lines of the error")
                }
            }
        }
    }
}
