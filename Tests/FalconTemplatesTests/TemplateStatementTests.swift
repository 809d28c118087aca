import Testing

@testable import FalconTemplates

/// Expected texts are those of Jinja2 3.1.6 in transformers' environment.
@Suite struct TemplateStatementTests {
    @Test func `white space around tags goes as transformers sets it`() throws {
        #expect(try rendered("a\n  {% if true %}\n  b\n  {% endif %}\nc\n") == "a\n  b\nc")
        #expect(try rendered("a  {{- ' b ' -}}  c") == "a b c")
        #expect(try rendered("a {%+ if true %} b{% endif +%}\nc") == "a  b\nc")
        #expect(try rendered("x\r\n{# note #}\r\ny\r\n") == "x\ny")
        #expect(try rendered("{% raw %}{{ a }}{% endraw %}!") == "{{ a }}!")
    }

    @Test func `a name set in a loop is gone after the round, in a condition it stays`() throws {
        let template = "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 9 %}{{ x }}{% endfor %}{{ x }}"
        #expect(try rendered(template) == "19191")
        #expect(try rendered("{% if true %}{% set x = 2 %}{% endif %}{{ x }}") == "2")
        #expect(
            try rendered(
                "{% set n = namespace(a=1) %}{% for i in [1, 2] %}{% set n.a = n.a + i %}{% endfor %}{{ n.a }}") == "4")
    }

    @Test func `loops know where they are`() throws {
        let template =
            "{% for x in 'abc' %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}"
            + "{{ loop.previtem }}{{ loop.nextitem }};{% else %}none{% endfor %}"
        #expect(try rendered(template) == "0TrueFalse3b;1FalseFalse2ac;2FalseTrue1b;")
        #expect(try rendered("{% for x in [] %}x{% else %}none{% endfor %}") == "none")
        #expect(try rendered("{% for x in [1, 2, 3, 4] if x is odd %}{{ loop.index }}{{ x }} {% endfor %}") == "11 23 ")
        #expect(try rendered("{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}") == "1")
        let tree = "{% for x in v recursive %}{{ x.n }}{% if x.c %}({{ loop(x.c) }}){% endif %}{% endfor %}"
        #expect(try rendered(tree, v: #"[{"n": 1, "c": [{"n": 2}, {"n": 3}]}, {"n": 4}]"#) == "1(23)4")
    }

    @Test func `filters of lists take what is false for no list`() throws {
        #expect(try rendered("{{ none | selectattr('a') | list }}{{ 0 | map('upper') | list }}") == "[][]")
        #expect(try rendered("{{ '' | reject('odd') | list | length }}{{ nope | map('nope') | list }}") == "0[]")
        #expect(refusal("{{ none | list }}")?.contains("a loop over None") == true)
    }

    @Test func `macros take defaults, names, rests and callers`() throws {
        let macro = "{% macro f(a, b='x') %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}"
        #expect(try rendered(macro + "{{ f(1) }}") == "1x(){}")
        #expect(try rendered(macro + "{{ f(1, 2, 3, c=4) }}") == "12(3,){'c': 4}")
        let caller = "{% macro box(t) %}[{{ t }}:{{ caller('in') }}]{% endmacro %}"
        #expect(try rendered(caller + "{% call(x) box('t') %}<{{ x }}>{% endcall %}") == "[t:<in>]")
        #expect(try rendered("{% filter upper %}a{{ 'b' }}{% endfilter %}") == "AB")
        #expect(try rendered("{% set x | trim %} a {% endset %}[{{ x }}]") == "[a]")
        #expect(try rendered("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}") == "3")
    }

    @Test func `errors name the line, and a template's own message is kept`() throws {
        #expect(
            refusal("a\n{{ nothing.here }}") == "template example, line 2: '.here' of 'nothing', which is undefined")
        #expect(refusal("{% include 'x' %}")?.contains("'include' is not supported") == true)
        #expect(throws: TemplateError.self) { try rendered("{{ raise_exception('no\nsuch') }}") }
        do {
            _ = try rendered("{{ raise_exception('no\nsuch') }}")
        } catch let error as TemplateError {
            #expect(error.raised == "no\nsuch")
            #expect(!error.description.contains("\n"))
        }
    }
}
