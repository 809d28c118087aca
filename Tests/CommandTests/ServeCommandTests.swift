import FalconJSON
import FalconTestSupport
import Foundation
import Synchronization
import Testing

/// The server as a process of its own: what clients send and get, byte by byte.
@Suite(.enabled(if: ServedProcess.isBuilt, "falcon-serve is not built: give --traits Server to swift build and test"))
struct ServeCommandTests {
    private static let question = "What is 12 plus 7?"

    private func chat(_ members: String, _ question: String = question) -> String {
        #"{"model": "m", "messages": [{"role": "user", "content": "\#(question)"}], \#(members)}"#
    }

    /// The texts of a stream's choices, by index, and why they ended.
    private func texts(_ events: [JSONValue]) throws -> (texts: [Int: String], reasons: [Int: String]) {
        var (texts, reasons) = ([Int: String](), [Int: String]())
        for choice in events.flatMap({ $0["choices"]?.array ?? [] }) {
            let index = try #require(choice["index"]?.integer)
            // Nothing may come behind the end.
            #expect(reasons[index] == nil)
            texts[index, default: ""] += choice["delta"]?["content"]?.string ?? choice["text"]?.string ?? ""
            reasons[index] = choice["finish_reason"]?.string
        }
        return (texts, reasons)
    }

    @Test func `a chat is falcon-infer's answer, whole and streamed, with the same usage`() throws {
        let server = try ServedProcess()
        let infer = try CommandRunner.run(
            "falcon-infer",
            ["--target", ServedProcess.target, "--prompt", Self.question, "--max-new-tokens", "24", "--answers", "-"])
        let expected = try #require(
            JSONParser.parse(Array(infer.stdout.utf8))["choices"]?.array?.first?["turns"]?.array?.first?.string)

        let whole = try server.ask("/v1/chat/completions", chat(#""temperature": 0, "max_tokens": 24"#))
        let choice = try #require(try whole.json["choices"]?.array?.first)
        #expect(whole.status == 200 && whole.headers["content-type"] == "application/json")
        #expect(choice["message"]?["content"]?.string == expected && choice["message"]?["role"]?.string == "assistant")

        let stream = try server.ask(
            "/v1/chat/completions",
            chat(#""temperature": 0, "max_tokens": 24, "stream": true, "stream_options": {"include_usage": true}"#))
        let events = try stream.events
        let told = try texts(events)
        #expect(told.texts == [0: expected] && told.reasons[0] == choice["finish_reason"]?.string)
        #expect(events.first?["choices"]?.array?.first?["delta"]?["role"]?.string == "assistant")
        #expect(try events.last?["usage"] == whole.json["usage"])
        #expect(Set(events.compactMap { $0["id"]?.string }).count == 1)
        #expect(try server.get("/v1/models").json["data"]?.array?.first?["id"]?.string == "m")
        #expect(try server.get("/health").text == #"{"status": "ok"}"# || server.get("/health").status == 200)
    }

    @Test func `completions of texts and tokens stream what they are as a whole, no character split`() throws {
        let server = try ServedProcess()
        // So warm that bytes of all kinds come, which are characters only together.
        let members = #""temperature": 2, "max_tokens": 160, "n": 8, "seed": 5"#
        let body = #"{"model": "m", "prompt": ["The", "A"], \#(members)"#
        let whole = try server.ask("/v1/completions", body + "}")
        let choices = try #require(try whole.json["choices"]?.array)
        let stream = try server.ask("/v1/completions", body + #", "stream": true}"#)
        let told = try texts(stream.events)
        #expect(choices.count == 16 && told.texts.count == 16)
        for (index, choice) in choices.enumerated() {
            #expect(choice["text"]?.string == told.texts[index])
            #expect(choice["finish_reason"]?.string == told.reasons[index])
        }
        let tokens = try server.ask("/v1/completions", #"{"model": "m", "prompt": [84, 104], "max_tokens": 3}"#)
        #expect(try tokens.json["usage"]?["prompt_tokens"] == .integer(2))
        #expect(try tokens.json["usage"]?["completion_tokens"] == .integer(3))
    }

    /// The embedded model with the names of tokens exchanged, two by two: it says the one where it would say the other.
    private func model(renaming pairs: [(Int, Int)], in folder: TemporaryFolder) throws -> String {
        let path = folder.file("model")
        try FileManager.default.copyItem(atPath: ServedProcess.target, toPath: path)
        var bytes = try folder.bytes("model/model.safetensors")
        let count = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let header = try JSONParser.parse(Array(bytes[8..<8 + count]))
        let offset = try #require(header["model.embed_tokens.weight"]?["data_offsets"]?.array?.first?.integer)
        for (one, other) in pairs {
            for byte in 0..<256 {
                bytes.swapAt(8 + count + offset + one * 256 + byte, 8 + count + offset + other * 256 + byte)
            }
        }
        try folder.write(bytes, to: "model/model.safetensors")
        return path
    }

    @Test func `a character that two tokens make comes as one`() throws {
        func ids(_ text: String) throws -> [Int] {
            let run = try CommandRunner.run(
                "falcon-inspect", ["tokenizer", "--target", ServedProcess.target, "--text", text])
            return try JSONParser.parse(Array(run.stdout.utf8))["ids"]?.array?.compactMap(\.integer) ?? []
        }
        let members = #""temperature": 0, "max_tokens": 16"#
        let prompt = try ids("What is")
        let body = #"{"model": "m", "prompt": \#(prompt), \#(members)"#
        let said = try ServedProcess().ask("/v1/completions", body + "}").json["choices"]?.array?.first?["text"]?.string
        let (tokens, halves) = (try ids(#require(said)), try ids("\u{E9}"))
        let pair = zip(tokens, tokens.dropFirst()).first { one, other in
            one != other && !prompt.contains(one) && !prompt.contains(other)
        }
        let (first, second) = try #require(pair)
        #expect(halves.count == 2)
        let folder = try TemporaryFolder()
        let server = try ServedProcess(
            target: model(renaming: [(first, halves[0]), (second, halves[1])], in: folder))
        let text = try server.ask("/v1/completions", body + "}").json["choices"]?.array?.first?["text"]?.string
        let told = try texts(server.ask("/v1/completions", body + #", "stream": true}"#).events)
        #expect(text?.contains("\u{E9}") == true && told.texts == [0: text ?? ""], "\(text ?? "")")
    }

    @Test func `a stop text ends an answer before it, wherever tokens end`() throws {
        let server = try ServedProcess()
        let members = #""temperature": 0, "max_tokens": 24"#
        let answer = try server.ask("/v1/chat/completions", chat(members)).json["choices"]?.array?.first
        let text = try #require(answer?["message"]?["content"]?.string)
        #expect(text.count > 6)
        for start in 1..<min(8, text.count - 2) {
            let stop = String(text.dropFirst(start).prefix(2))
            let kept = text.components(separatedBy: stop)[0]
            var object = JSONObject()
            object.append("stop", .array([.string("never said"), .string(stop)]))
            let more = members + ", " + JSONValue.object(object).text().dropFirst().dropLast()
            let whole = try server.ask("/v1/chat/completions", chat(more)).json
            #expect(whole["choices"]?.array?.first?["message"]?["content"]?.string == kept)
            #expect(whole["choices"]?.array?.first?["finish_reason"]?.string == "stop")
            let told = try texts(server.ask("/v1/chat/completions", chat(more + #", "stream": true"#)).events)
            #expect(told.texts == [0: kept] && told.reasons == [0: "stop"])
        }
    }

    @Test func `what is wrong is refused with its status and its name, and the server goes on`() throws {
        let folder = try TemporaryFolder()
        let server = try ServedProcess(["--api-key-file", folder.write("the key\n", to: "key")])
        let (type, key) = ("Content-Type: application/json", "Authorization: Bearer the key")
        func refusal(
            _ body: String, path: String = "/v1/chat/completions", method: String = "POST", headers: [String]
        ) throws -> (Int, String?, String?) {
            let answer = try server.ask(path, body, method: method, headers: headers)
            let error = try answer.json["error"]
            #expect(error?["message"]?.string?.isEmpty == false && error?["type"]?.string != nil, "\(answer.text)")
            return (answer.status, error?["param"]?.string, error?["code"]?.string)
        }
        func bad(_ members: String) throws -> (Int, String?) {
            let (status, parameter, _) = try refusal(chat(members), headers: [type, key])
            return (status, parameter)
        }
        #expect(try bad(#""no_such_member": 1"#) == (400, "no_such_member"))
        #expect(try bad(#""tools": [{"type": "function", "function": {"name": "f"}}]"#) == (400, "tools"))
        #expect(try bad(#""response_format": {"type": "json_object"}"#) == (400, "response_format"))
        #expect(try bad(#""temperature": "hot""#) == (400, "temperature"))
        #expect(try bad(#""max_tokens": -1"#) == (400, "max_tokens"))
        #expect(try bad(#""stop": """#) == (400, "stop"))
        #expect(try bad(#""n": 1000000000"#) == (400, "n"))
        #expect(try refusal(#"{"model": "x", "messages": []}"#, headers: [type, key]).0 == 400)
        #expect(try refusal(#"{"model": "m", "messages"#, headers: [type, key]).0 == 400)
        #expect(try refusal(String(repeating: "[", count: 100_000), headers: [type, key]).0 == 400)
        #expect(try refusal(chat(#""n": 1"#), headers: ["Content-Type: text/plain", key]).0 == 415)
        #expect(try refusal(chat(#""n": 1"#), headers: [type]) == (401, nil, "invalid_api_key"))
        #expect(try refusal(chat(#""n": 1"#), headers: [type, key + "x"]).0 == 401)
        #expect(try refusal("", method: "GET", headers: [key]).0 == 405)
        #expect(try refusal("", path: "/v1/models", method: "DELETE", headers: [key]).0 == 405)
        #expect(try refusal("", path: "/v1/models/other", method: "GET", headers: [key]).0 == 404)
        #expect(try refusal("", path: "/no/such", method: "GET", headers: [key]).0 == 404)
        #expect(try server.get("/health").status == 200)

        // Told by its length, or found out.
        let long = chat(#""user": "\#(String(repeating: "x", count: 5 << 20))""#)
        #expect(try refusal(long, headers: [type, key]).0 == 413)
        let pieces = String(long.utf8.count, radix: 16) + "\r\n" + long + "\r\n0\r\n\r\n"
        let chunked = ServedProcess.request(
            "POST", "/v1/chat/completions", headers: [type, key, "Transfer-Encoding: chunked"])
        #expect(try server.send(chunked + Array(pieces.utf8)).status == 413)
        // What is not HTTP gets an answer or none.
        let connection = try ClientConnection(port: server.port)
        connection.send(Array("\u{16}\u{3}\u{1} no request\r\n\r\n".utf8))
        _ = connection.readAll()
        #expect(try server.ask("/v1/chat/completions", chat(#""max_tokens": 2"#), headers: [type, key]).status == 200)
        #expect(server.process.isRunning && !server.stderr.contains("rror"), "\(server.stderr)")
    }

    @Test func `a client that goes away ends its texts`() throws {
        let server = try ServedProcess()
        // More than the system holds for a client that does not read, so that it cannot end before.
        let body = #"{"model": "m", "prompt": "The", "temperature": 2, "n": 16, "max_tokens": 1900, "stream": true}"#
        let connection = try ClientConnection(port: server.port, receiveBuffer: 4096)
        connection.send(ServedProcess.request("POST", "/v1/completions", body))
        #expect(connection.read(until: "data: "))
        #expect(try server.get("/metrics").text.contains("falcon_requests_in_flight 1\n"))
        connection.close()
        // One that wants the whole answer.
        let impatient = try ClientConnection(port: server.port)
        impatient.send(
            ServedProcess.request(
                "POST", "/v1/completions",
                #"{"model": "m", "prompt": ["The", "A"], "temperature": 2, "n": 8, "max_tokens": 1900}"#))
        PseudoTerminal.wait { (try? server.get("/metrics").text.contains("requests_in_flight 1\n")) == true }
        impatient.close()
        PseudoTerminal.wait { (try? server.get("/metrics").text.contains("requests_in_flight 0\n")) == true }
        let page = try server.get("/metrics").text
        #expect(page.contains("falcon_requests_in_flight 0\n"), "\(page)")
        #expect(!page.contains("falcon_requests_cancelled_total 0\n"), "\(page)")
        #expect(try server.ask("/v1/chat/completions", chat(#""max_tokens": 2"#)).status == 200)
    }

    @Test func `SIGTERM finishes the answers in flight, takes no others and ends with 0`() throws {
        let server = try ServedProcess()
        let body = #"{"model": "m", "prompt": "The", "seed": 3, "temperature": 1.5, "max_tokens": 400, "n": 4"#
        let whole = try server.ask("/v1/completions", body + "}").json["choices"]?.array
        let connection = try ClientConnection(port: server.port)
        connection.send(ServedProcess.request("POST", "/v1/completions", body + #", "stream": true}"#))
        #expect(connection.read(until: "data: "))
        server.process.terminate()
        let told = try texts(HTTPAnswer(connection.readAll()).events)
        #expect(whole?.map { $0["text"]?.string } == (0..<4).map { told.texts[$0] } && told.reasons.count == 4)
        server.process.waitUntilExit()
        #expect(server.process.terminationStatus == 0 && server.process.terminationReason == .exit)
        #expect(throws: ClientConnection.Refused.self) { _ = try ClientConnection(port: server.port) }
    }

    @Test func `clients at once get the bytes that each gets alone`() throws {
        let server = try ServedProcess(["--max-sequences", "3"])
        let bodies = (0..<12).map { number in
            let members = #""temperature": \#(number % 2 == 0 ? "0" : "0.9"), "seed": \#(number), "max_tokens": 24"#
            let streams = number % 3 == 0 ? #", "stream": true, "stream_options": {"include_usage": true}"# : ""
            return chat(members + streams, "What is \(number) plus \(2 * number)?")
        }
        // But for names and times.
        @Sendable func told(_ body: String) throws -> [JSONValue] {
            let answer = try server.ask("/v1/chat/completions", body)
            guard answer.headers["content-type"] != "application/json" else {
                return try [answer.json["choices"] ?? .null, answer.json["usage"] ?? .null]
            }
            let (texts, reasons) = try texts(answer.events)
            let usage = try answer.events.last?["usage"] ?? .null
            return [.string(texts[0] ?? ""), .string(reasons[0] ?? ""), usage]
        }
        let alone = try bodies.map(told)
        let together = Mutex([Int: [JSONValue]]())
        DispatchQueue.concurrentPerform(iterations: bodies.count) { number in
            let answer = try? told(bodies[number])
            together.withLock { $0[number] = answer }
        }
        for (number, answer) in alone.enumerated() {
            #expect(together.withLock { $0[number] } == answer, "request \(number)")
        }
    }
}

/// What holds of the command with its web server and without.
@Suite struct ServeCommandOptionTests {
    @Test func `what is wrong on the command line is told before a model is loaded`() throws {
        for (arguments, word) in [
            (["--port", "70000"], "--port"), (["--max-sequences", "0"], "--max-sequences"),
            (["--cache-bytes", "many"], "--cache-bytes"), (["--tree", "small"], "--draft"),
            (["--client-timeout", "0"], "--client-timeout"), (["--lookup"], "--draft"),
            (["--draft", "lookup", "--lookup"], "--draft lookup"),
        ] {
            let run = try CommandRunner.run("falcon-serve", ["--target", "none"] + arguments)
            #expect(run.status == 64 && run.stderr.contains(word), "\(run)")
        }
        let run = try CommandRunner.run("falcon-serve", ["--target", "no-such-model"])
        #expect(run.status == 1 && run.stderr.split(separator: "\n").count == 1, "\(run)")
        #expect(run.stderr.contains(ServedProcess.isBuilt ? "no-such-model" : "--traits Server"), "\(run)")
    }
}
