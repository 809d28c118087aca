import FalconJSON
import FalconTemplates

extension FuzzSeeds {
    /// What a template is given that comes without a context of its own.
    static let dialogue: [JSONValue] =
        ["system", "user", "assistant", "user", "assistant"].enumerated().map { place, role in
            var message = JSONObject()
            message.append("role", .string(role))
            message.append("content", .string(place == 2 ? "<think>\nt\n</think>\n\na" : "text \(place)"))
            return .object(message)
        }

    private static let context = #"""
        {"messages": [{"role": "user", "content": "Hé?"}, {"role": "assistant", "content": "",
        "tool_calls": [{"id": "1", "type": "function",
        "function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]},
        {"role": "tool", "content": "{\"t\": 1}"}, {"role": "assistant", "content": [{"type": "text", "text": "b"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "add_generation_prompt": true, "kwargs": {"enable_thinking": false, "n": -7, "d": {"b": 1, "a": [3, 1, 2]}}}
        """#

    /// Our own templates, and short ones that use what Jinja has.
    static let templates: [String] =
        ChatStyle.allCases.map(\.source) + features.map { $0 + "\u{1E}" + context } + features

    private static let features = [
        """
        {%- macro show(m, mark='|') -%}{{ mark ~ m.role ~ mark }}{{ varargs }}{{ kwargs }}{%- endmacro -%}
        {%- for m in messages if m.role != 'system' %}
            {%- if loop.first or loop.previtem.role == 'tool' %}{{- show(m, '<', 1, k=2) }}{% endif %}
            {%- if m.tool_calls is defined %}
                {%- for call in m.tool_calls %}{{- call.function | tojson(indent=2) }}{% endfor %}
            {%- elif m.content is string %}
                {{- m.content.split('</think>')[-1].lstrip('\\n') | trim }}
            {%- else %}
                {{- m.content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join(' ') }}
            {%- endif %}
            {%- if loop.last %}{% break %}{% else %}{% continue %}{% endif %}
        {%- endfor %}
        """,
        """
        {% set ns = namespace(i=0, s='') %}{% for x in range(9)[::-2] %}{% set ns.i = ns.i + x // 2 ** 2 %}
        {%- set ns.s = ns.s + 'é' * x + "%03d|%-4s|%r" % (x, 'a', 'b') + '{:>5}{0}'.format(x) %}{% else %}-{% endfor %}
        {{ ns.s[1:-1] }}{{ ns.i % -3 }}{{ (d | default({'a': 1.5})) | dictsort }}{{ n | default(3) | abs | round(1) }}
        """,
        """
        {% call(a) wrap(1) %}x{{ a }}{% endcall %}{% macro wrap(n) %}[{{ caller(n) }}]{% endmacro %}
        {% call(a) wrap(2) %}y{{ a }}{% endcall %}{% filter upper | replace('A', 'b') %}a{{ bos_token }}{% endfilter %}
        {% set t %}  {{ strftime_now('%d %B %Y %H:%M:%S %j %A') }} {% endset %}{{ t.strip().title() }}
        {% with a = messages | length, b = 2 %}{{ a ~ b }}{% endwith %}{% raw %}{{ a }}{% endraw %}
        """,
        """
        {% for m in messages recursive %}{{ m }}
            {%- if m.content is not string %}{{ loop(m.content) }}{% endif %}
        {%- endfor %}
        {{ messages | groupby('role') | map('first') | unique | sort(reverse=true) | batch(2, '-') | list }}
        {{ [3, 1, 2] | sort | reverse | list }}{{ [[1, 2], [3]] | sum(start=[]) }}{{ ('<b>' | safe) + '&' }}
        {{ messages | tojson }}{{ 'a' is in 'abc' and 4 is divisibleby 2 or not 1 < 2 <= 3 }}{{ {'a': (1,)} }}
        """,
        """
        {%- if messages[0].role == 'system' -%}{{- raise_exception('no ' ~ messages[0].role) -}}{%- endif -%}
        {%- for m in messages -%}{%- if m.role == 'assistant' -%}
            <|a|>{% generation %}{{ m.content }}<|end|>{% endgeneration %}
        {%- else -%}<|u|>{{ m.content }}<|end|>{%- endif -%}{%- endfor -%}{% if add_generation_prompt %}<|a|>{% endif %}
        """,
    ]
}
