import FalconJSON
import Testing

@testable import FalconTemplates

/// Templates that reach for what they must not have: refused in words, at once.
@Suite struct TemplateLimitTests {
    private static let small: TemplateLimits = {
        var limits = TemplateLimits()
        limits.steps = 100_000
        limits.textBytes = 1 << 18
        limits.madeBytes = 1 << 22
        return limits
    }()

    private static let hostile = [
        "{% set a = [] %}" + String(repeating: "{% set a = [a] %}", count: 2000),
        "{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = {'a': n.x} %}{% endfor %}",
        "{% set n = namespace(x='a') %}{% for i in range(9999) %}{% set n.x = n.x | map('string') %}{% endfor %}",
        "{% set n = namespace(x=1) %}{% for i in range(9999) %}{% set n.x = cycler(n.x) %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(9999) %}{% for y in [n.x] %}{% set n.x = loop %}{% endfor %}"
            + "{% endfor %}",
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}"
            + "{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=(1,)) %}{% for i in range(99) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ {n.x: 1} }}",
        "{% set n = namespace() %}{% set n.x = n %}{{ n }}",
        "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 99999999999 }}", "{{ 'x' | center(99999999999) }}", "{{ '%99999999999d' % 1 }}",
        "{{ '{:99999999999}'.format(1) }}", "{{ 'x' | indent(9223372036854775807) }}",
        "{{ 'a\t'.expandtabs(9223372036854775807) }}", "{{ '%*d' % (9223372036854775807, 1) }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ 2 ** 99 }}", "{{ range(99999999) }}",
        "{{ ('x' * 99999) | replace('', 'y' * 99999) }}", "{{ [1] | tojson(indent=99999999) }}",
        "{{ " + String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000) + " }}",
        "{{ 1" + String(repeating: " + 1", count: 5000) + " }}", "{{ a" + String(repeating: ".b", count: 5000) + " }}",
        "{{ " + String(repeating: "not ", count: 5000) + "1 }}", String(repeating: "{% if 1 %}", count: 5000),
    ]

    @Test(arguments: hostile)
    func `a hostile template is refused in words`(template: String) {
        #expect(throws: TemplateError.self) { try rendered(template, variables: "{}", limits: Self.small) }
    }

    @Test func `extreme numbers do what they do in Python`() throws {
        #expect(try rendered("{{ 'abc'[::9223372036854775807] }}") == "a")
        #expect(try rendered("{{ range(0, 9, 2)[::9223372036854775807] | list }}") == "[0]")
        #expect(try rendered("{{ 'abc'.split('b', -9223372036854775807) }}") == "['a', 'c']")
        #expect(try rendered("{{ 'x' | truncate(9223372036854775807) }}") == "x")
        #expect(try rendered("{{ -9223372036854775807 - 1 }}") == "-9223372036854775808")
    }

    @Test func `a message's missing keys, nulls and thoughts are those of transformers 5`() throws {
        func text(_ message: String, keepsNulls: Bool = false) throws -> String {
            let message = try JSONParser.parse(Array(message.utf8))
            let context = TemplateContext(messages: [message], keepsNulls: keepsNulls)
            return try ChatTemplateProgram("{{ messages[0] }}", name: "example").render(context).text
        }
        #expect(try text(#"{"role": "a", "content": null}"#) == "{'role': 'a'}")
        #expect(try text(#"{"role": "a", "content": null}"#, keepsNulls: true) == "{'role': 'a', 'content': None}")
        #expect(
            try text(#"{"role": "a", "reasoning": "r"}"#)
                == "{'thinking': 'r', 'role': 'a', 'reasoning': 'r', 'reasoning_content': 'r'}")
        #expect(
            try text(#"{"role": "a", "thinking": "t", "reasoning_content": "r"}"#)
                == "{'thinking': 't', 'role': 'a', 'reasoning_content': 'r'}")
    }

    @Test func `the clock reads days and times, and tells them as Python does`() throws {
        #expect(TemplateClock("2026-02-29") == nil)
        #expect(TemplateClock("2024-02-29T24:00") == nil)
        #expect(TemplateClock("2024-2-9") == nil)
        #expect(TemplateClock("2024-02-29 23:59")?.minute == 59)
        let clock = try #require(TemplateClock("2026-03-05T09:07:03"))
        #expect(
            try clock.text("%A %a %d %e %-d %B %b %m %Y %y %H %I %p %M %S %j")
                == "Thursday Thu 05  5 5 March Mar 03 2026 26 09 09 AM 07 03 064")
        #expect(
            try clock.text("%U %W %V %G %u %w %c|%x %X %F %T %%")
                == "09 09 10 2026 4 4 Thu Mar  5 09:07:03 2026|03/05/26 09:07:03 2026-03-05 09:07:03 %")
    }
}
