import FalconJSON

@testable import FalconTemplates

/// A template with one variable `v`, and what it makes of it.
func rendered(_ template: String, v: String = "null", limits: TemplateLimits = .standard) throws -> String {
    try rendered(template, variables: #"{"v": \#(v)}"#, limits: limits)
}

/// The variables of the tables of examples.
let exampleVariables = #"""
    {"v": [3, 1, 2], "d": {"b": 1, "a": "X", "C": [1, {"k": null}]}, "s": "Hello, wörld <b>",
    "users": [{"n": "Al", "a": 3, "g": "x"}, {"n": "bo", "a": 1, "g": "Y"}, {"n": "Cy", "a": 2, "g": "x"}],
    "f": 1.5, "e": [], "n": null, "tr": true}
    """#

/// The same with variables by name, as a JSON object.
func rendered(_ template: String, variables: String, limits: TemplateLimits = .standard) throws -> String {
    let arguments = try JSONParser.parse(Array(variables.utf8)).object ?? JSONObject()
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
