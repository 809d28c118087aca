import Falcon
import FalconJSON
import FalconTestSupport
import Testing

@testable import FalconServer

/// Answers of a served model, without a network.
@Suite struct CompletionTests {
    private func served(context: Int? = nil) async throws -> ServedModel {
        let model = try await LanguageModel.load(
            Fixtures.repository + "/Checkpoints/target", options: .init(threads: 2))
        return ServedModel(name: "m", model: model, head: nil, context: context, created: 1)
    }

    private func chat(_ members: String) throws -> ChatCompletionRequest {
        try ChatCompletionRequest(
            Array(
                #"{"model": "m", "messages": [{"role": "user", "content": "What is 12 plus 7?"}], \#(members)}"#.utf8))
    }

    @Test func `a stream's pieces are the whole answer, with its usage at the end`() async throws {
        let served = try await served()
        let whole = try await served.answer(
            chat(#""temperature": 0, "max_tokens": 20"#), id: "c", now: 5
        ).whole()
        let expected = try await ChatSession(served.model, options: .init(maximumTokens: 20))
            .respond(to: "What is 12 plus 7?")
        let choice = try #require(whole["choices"]?.array?.first)
        #expect(whole["object"]?.string == "chat.completion" && choice["message"]?["content"]?.string == expected)
        let usage = try #require(whole["usage"])
        #expect(usage["completion_tokens"]?.integer.map { (1...20).contains($0) } == true)

        let streaming = try chat(
            #""temperature": 0, "max_tokens": 20, "stream": true, "stream_options": {"include_usage": true}"#)
        var (text, last, reasons) = ("", JSONValue.null, [String]())
        var isDone = false
        for try await event in try served.answer(streaming, id: "c", now: 5).events() {
            #expect(!isDone)
            guard event != "[DONE]" else {
                isDone = true
                continue
            }
            last = try JSONParser.parse(Array(event.utf8))
            #expect(last["object"]?.string == "chat.completion.chunk")
            for choice in last["choices"]?.array ?? [] {
                text += choice["delta"]?["content"]?.string ?? ""
                if let reason = choice["finish_reason"]?.string { reasons.append(reason) }
            }
        }
        #expect(isDone && text == expected && reasons == [choice["finish_reason"]?.string ?? ""])
        #expect(last["usage"] == usage && last["choices"] == .array([]))
    }

    @Test func `several answers to several prompts keep their places and their seeds`() async throws {
        let served = try await served()
        func texts() async throws -> [String] {
            let body = #"""
                {"model": "m", "prompt": ["What is", "The"], "n": 2, "temperature": 1, "seed": 4, "max_tokens": 12}
                """#
            let whole = try await served.answer(CompletionRequest(Array(body.utf8)), id: "c", now: 5).whole()
            let choices = try #require(whole["choices"]?.array)
            #expect(choices.map { $0["index"]?.integer } == [0, 1, 2, 3])
            return choices.map { $0["text"]?.string ?? "" }
        }
        let first = try await texts()
        #expect(try await texts() == first && first[0] != first[1])
    }

    @Test func `another model and a long prompt are refused before anything is decoded`() async throws {
        let served = try await served(context: 24)
        func status(_ body: String) throws -> (Int, String?) {
            do { _ = try served.answer(CompletionRequest(Array(body.utf8)), id: "c", now: 5) } catch {
                let error = try #require(error as? APIError)
                return (error.status, error.code)
            }
            return (200, nil)
        }
        #expect(try status(#"{"model": "other", "prompt": "a"}"#) == (404, "model_not_found"))
        let long = String(repeating: "word ", count: 30)
        #expect(try status(#"{"model": "m", "prompt": "\#(long)"}"#) == (400, "context_length_exceeded"))
        #expect(try status(#"{"model": "m", "prompt": [99999999]}"#).0 == 400)
        #expect(try status(#"{"model": "m", "prompt": ""}"#).0 == 400)
        #expect(try status(#"{"model": "m", "prompt": "a"}"#) == (200, nil))
    }

    @Test func `figures are a page for Prometheus`() async throws {
        let figures = ServerFigures()
        #expect(figures.begin(most: 1) && !figures.begin(most: 1))
        let served = try await served()
        _ = try await served.answer(chat(#""max_tokens": 3, "temperature": 0"#), id: "c", now: 5)
            .whole { figures.add($0) }
        figures.answered("/v1/models", status: 200)
        figures.end(isWhole: false)
        let lines = figures.page.split(separator: "\n")
        #expect(lines.contains(#"falcon_requests_total{endpoint="/v1/models",status="200"} 1"#))
        #expect(lines.contains("falcon_requests_in_flight 0") && lines.contains("falcon_requests_cancelled_total 1"))
        #expect(lines.contains("falcon_generated_tokens_total 3") && lines.contains("falcon_text_seconds_count 1"))
    }

    @Test func `a stream that is not read is given up before it fills the memory`() async throws {
        let served = try await served()
        let request = try chat(#""temperature": 0, "max_tokens": 20, "stream": true"#)
        let events = try served.answer(request, id: "c", now: 5).events(mostBytes: 1000)
        // Whoever reads gets what there was, then the error: here nobody reads until there is too much.
        while !events.isEnded { await Task.yield() }
        var count = 0
        await #expect(throws: APIError.self) {
            for try await event in events {
                #expect(event != "[DONE]")
                count += 1
            }
        }
        #expect(count > 0)
    }

    @Test func `a stream that is cancelled ends its texts`() async throws {
        let served = try await served()
        let request = try chat(#""temperature": 0, "max_tokens": 2000, "stream": true, "n": 2"#)
        let events = try served.answer(request, id: "c", now: 5).events()
        await #expect(throws: CancellationError.self) {
            for try await _ in events { events.cancel() }
        }
    }
}
