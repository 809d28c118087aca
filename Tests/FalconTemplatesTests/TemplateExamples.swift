import FalconJSON

@testable import FalconTemplates

/// A template with one variable `v`, and what it makes of it.
func rendered(_ template: String, v: String = "null", limits: TemplateLimits = .standard) throws -> String {
    var arguments = JSONObject()
    arguments.append("v", try JSONParser.parse(Array(v.utf8)))
    var message = JSONObject()
    message.append("role", .string("user"))
    message.append("content", .string("Hi"))
    let context = TemplateContext(
        messages: [.object(message)], specialTokens: ["bos_token": "<s>"], arguments: arguments,
        clock: TemplateClock(year: 2026, month: 3, day: 5, hour: 9, minute: 7, second: 3))
    return try ChatTemplateProgram(template, name: "example", limits: limits).render(context).text
}

/// The one-line error that a template gives instead of text; `nil` where it gives text.
func refusal(_ template: String, v: String = "null") -> String? {
    do {
        _ = try rendered(template, v: v)
        return nil
    } catch { return "\(error)" }
}
