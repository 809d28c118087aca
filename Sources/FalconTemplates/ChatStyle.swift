/// Templates of our own, for models that come without one. Each reads `bos_token` and `eos_token`, and has the
/// family's usual text where a model names none. Content is text, or parts of which the texts count.
package enum ChatStyle: String, Sendable, CaseIterable {
    /// `<|im_start|>role\ncontent<|im_end|>\n`, Qwen and many others.
    case chatml
    /// `<s>[INST] <<SYS>>...<</SYS>> user [/INST] answer </s>`
    case llama2
    /// `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`
    case llama3
    /// `<s>[INST] user [/INST] answer</s>`, a system message in the first question
    case mistral
    /// `system USER: user ASSISTANT: answer</s>`
    case vicuna

    /// The template.
    package var source: String {
        let body =
            switch self {
            case .chatml: ChatStyle.chatML
            case .llama2: ChatStyle.llama2Text
            case .llama3: ChatStyle.llama3Text
            case .mistral: ChatStyle.mistralText
            case .vicuna: ChatStyle.vicunaText
            }
        return ChatStyle.textOfMessages + body
    }

    package func program(limits: TemplateLimits = .standard) throws -> ChatTemplateProgram {
        try ChatTemplateProgram(source, name: rawValue, limits: limits)
    }

    private static let textOfMessages = """
        {%- macro text(message) -%}
            {%- if message.content is string -%}
                {{- message.content -}}
            {%- elif message.content is iterable and message.content is not mapping and message.content -%}
                {%- for part in message.content -%}
                    {%- if part.text is not string -%}
                        {{- raise_exception('a part of a message without text') -}}
                    {%- endif -%}
                    {{- part.text -}}
                {%- endfor -%}
            {%- else -%}
                {{- raise_exception('a message without text') -}}
            {%- endif -%}
        {%- endmacro -%}

        """

    private static let chatML = """
        {%- for message in messages -%}
            {{- '<|im_start|>' + message.role + '\\n' + text(message) + '<|im_end|>\\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|im_start|>assistant\\n' -}}
        {%- endif -%}

        """

    private static let llama3Text = """
        {{- bos_token | default('<|begin_of_text|>') -}}
        {%- for message in messages -%}
            {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' -}}
            {{- text(message) | trim + '<|eot_id|>' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {%- endif -%}

        """

    /// Sets `turns` to the messages behind a system message, and refuses turns that do not alternate.
    private static let turns = """
        {%- set bos = bos_token | default('<s>') -%}
        {%- set eos = eos_token | default('</s>') -%}
        {%- set has_system = messages[0].role == 'system' -%}
        {%- set turns = messages[1:] if has_system else messages -%}
        {%- for message in turns -%}
            {%- if message.role != ('user' if loop.index0 is even else 'assistant') -%}
                {{- raise_exception('no form for turns that are not user, assistant, user, ...: turn '
                    ~ loop.index0 ~ " is '" ~ message.role ~ "'") -}}
            {%- endif -%}
        {%- endfor -%}

        """

    private static let llama2Text =
        turns + """
            {%- for message in turns -%}
                {%- if message.role == 'assistant' -%}
                    {{- ' ' + text(message) | trim + ' ' + eos -}}
                {%- else -%}
                    {%- set preface = '' -%}
                    {%- if loop.first and has_system -%}
                        {%- set preface = '<<SYS>>\\n' + text(messages[0]) + '\\n<</SYS>>\\n\\n' -%}
                    {%- endif -%}
                    {{- bos + '[INST] ' + (preface + text(message)) | trim + ' [/INST]' -}}
                {%- endif -%}
            {%- endfor -%}

            """

    private static let mistralText =
        turns + """
            {{- bos -}}
            {%- for message in turns -%}
                {%- if message.role == 'assistant' -%}
                    {{- ' ' + text(message) + eos -}}
                {%- else -%}
                    {%- set preface = text(messages[0]) + '\\n\\n' if loop.first and has_system else '' -%}
                    {{- '[INST] ' + preface + text(message) + ' [/INST]' -}}
                {%- endif -%}
            {%- endfor -%}

            """

    private static let vicunaText = """
        {{- bos_token | default('<s>') -}}
        {%- if messages[0].role == 'system' -%}
            {{- text(messages[0]) + ' ' -}}
            {%- set turns = messages[1:] -%}
        {%- else -%}
            {{- 'A chat between a curious user and an artificial intelligence assistant. ' -}}
            {{- "The assistant gives helpful, detailed, and polite answers to the user's questions. " -}}
            {%- set turns = messages -%}
        {%- endif -%}
        {%- for message in turns -%}
            {%- if message.role == 'user' -%}
                {{- 'USER: ' + text(message) + ' ' -}}
            {%- elif message.role == 'assistant' -%}
                {{- 'ASSISTANT: ' -}}
                {{- text(message) + eos_token | default('</s>') -}}
            {%- else -%}
                {{- raise_exception("no form for the role '" ~ message.role ~ "' behind the first message") -}}
            {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- 'ASSISTANT:' -}}
        {%- endif -%}

        """
}
