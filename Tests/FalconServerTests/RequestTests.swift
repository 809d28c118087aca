import Falcon
import FalconJSON
import Testing

@testable import FalconServer

/// Bodies of requests as clients send them, right and wrong.
@Suite struct RequestTests {
    private func chat(_ members: String) throws -> ChatCompletionRequest {
        try ChatCompletionRequest(
            Array("{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]\(members)}".utf8),
            randomSeed: { 99 })
    }

    private func refusal(_ work: () throws -> Void) throws -> APIError {
        do { try work() } catch { return try #require(error as? APIError) }
        throw APIError(200, "it was taken")
    }

    @Test func `a full request is read`() throws {
        let request = try chat(
            """
            , "stream": true, "stream_options": {"include_usage": true}, "max_completion_tokens": 40,
            "temperature": 0.5, "top_p": 0.9, "top_k": 20, "seed": -3, "stop": ["a", "b"], "n": 2, "user": "me",
            "tools": null, "presence_penalty": 0, "frequency_penalty": 0.0, "response_format": {"type": "text"},
            "tool_choice": "none", "chat_template_kwargs": {"enable_thinking": false}
            """)
        #expect(request.fields.streams && request.fields.includesUsage && request.fields.count == 2)
        let options = GenerationOptions(
            maximumTokens: 40, temperature: 0.5, topK: 20, topP: 0.9, seed: UInt64(bitPattern: -3), stop: ["a", "b"])
        #expect(request.fields.options == options)
        #expect(request.templateArguments["enable_thinking"] == .boolean(false))
    }

    @Test func `what is left out has OpenAI's defaults`() throws {
        let fields = try chat("").fields
        #expect(fields.options.temperature == 1 && fields.options.seed == 99 && fields.isOpenEnded)
        #expect(!fields.streams && fields.count == 1 && fields.options.stop.isEmpty)
        #expect(try chat(", \"stop\": \"x\"").fields.options.stop == ["x"])
        #expect(try chat(", \"max_tokens\": 3").fields.options.maximumTokens == 3)
        let text = try CompletionRequest(Array(#"{"model": "m", "prompt": "Once"}"#.utf8))
        #expect(text.fields.options.maximumTokens == 16 && text.prompts == [.text("Once")])
    }

    @Test(arguments: [
        (#", "top_q": 1"#, "top_q"), (#", "tools": [{"type": "function"}]"#, "tools"),
        (#", "response_format": {"type": "json_object"}"#, "response_format"), (#", "n": 0"#, "n"),
        (#", "n": 17"#, "n"), (#", "logprobs": 2"#, "logprobs"), (#", "temperature": 2.5"#, "temperature"),
        (#", "temperature": "hot""#, "temperature"), (#", "top_p": -0.1"#, "top_p"), (#", "seed": 1.5"#, "seed"),
        (#", "max_tokens": 0"#, "max_tokens"), (#", "max_tokens": 2, "max_completion_tokens": 3"#, "max_tokens"),
        (#", "stop": [""]"#, "stop"), (#", "stop": [1]"#, "stop"), (#", "stop": {}"#, "stop"),
        (#", "stream": "yes""#, "stream"), (#", "stream_options": {"include_usage": true}"#, "stream_options"),
        (#", "presence_penalty": 0.5"#, "presence_penalty"), (#", "logit_bias": {"1": 2}"#, "logit_bias"),
        (#", "top_logprobs": 2"#, "top_logprobs"), (#", "logprobs": true, "top_logprobs": 21"#, "top_logprobs"),
        (#", "draft_depths": true"#, "draft_depths"),
        (#", "functions": [{}]"#, "functions"), (#", "chat_template_kwargs": []"#, "chat_template_kwargs"),
    ])
    func `what cannot be followed is refused by name`(members: String, name: String) throws {
        let error = try refusal { _ = try chat(members) }
        #expect(error.status == 400 && error.parameter == name && error.message.contains(name), "\(error)")
        #expect(!error.message.contains("\n") && error.type == "invalid_request_error")
    }

    @Test(arguments: [
        ("[]", "list"), ("{", "JSON"), ("", "JSON"), ("{\"model\": \"m\"}", "messages"),
        (#"{"messages": [{"role": "user", "content": "a"}]}"#, "model"),
        (#"{"model": "m", "messages": []}"#, "messages"), (#"{"model": "m", "messages": {}}"#, "messages"),
        (#"{"model": "m", "messages": [{"role": "tool", "content": "a"}]}"#, "role"),
        (#"{"model": "m", "messages": [{"role": "user"}]}"#, "content"),
        (#"{"model": "m", "messages": [{"role": "user", "content": 1}]}"#, "content"),
        (#"{"model": "m", "messages": [{"role": "user", "content": "a", "mood": "x"}]}"#, "mood"),
        (
            #"{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}"#,
            "image_url"
        ),
        (#"{"model": "m", "messages": [{"role": "user", "content": "a"}], "model": "n"}"#, "model"),
    ])
    func `a body that is no request is refused`(body: String, word: String) throws {
        let error = try refusal { _ = try ChatCompletionRequest(Array(body.utf8)) }
        #expect(error.status == 400 && error.message.contains(word), "\(error)")
    }

    @Test func `parts of text are one content, and a developer gives instructions`() throws {
        let body = #"""
            {"model": "m", "messages": [{"role": "developer", "content": "Be brief."},
             {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}
            """#
        let messages = try ChatCompletionRequest(Array(body.utf8)).messages
        #expect(messages.map(\.content) == ["Be brief.", "ab"] && messages.map(\.role.name) == ["system", "user"])
    }

    @Test func `prompts are texts or tokens`() throws {
        func prompts(_ prompt: String) throws -> [CompletionRequest.Prompt] {
            try CompletionRequest(Array("{\"model\": \"m\", \"prompt\": \(prompt)}".utf8)).prompts
        }
        #expect(try prompts(#"["a", "b"]"#) == [.text("a"), .text("b")])
        #expect(try prompts("[1, 2]") == [.tokens([1, 2])])
        #expect(try prompts("[[1], [2]]") == [.tokens([1]), .tokens([2])])
        for wrong in ["[]", "1", "[1.5]", "[-1, 2]", "[[\"a\"]]"] {
            #expect(try refusal { _ = try prompts(wrong) }.parameter == "prompt", "\(wrong)")
        }
    }

    @Test func `a key is the whole key`() throws {
        let key = try #require(APIKey(" secret\n"))
        #expect(key.allows("Bearer secret") && key.allows("bearer secret"))
        for wrong in ["Bearer secre", "Bearer secret2", "Bearer secretsecret", "Bearer ", "secret", "Basic secret"] {
            #expect(!key.allows(wrong), "\(wrong)")
        }
        #expect(!key.allows(nil) && APIKey(" \n") == nil)
    }
}
