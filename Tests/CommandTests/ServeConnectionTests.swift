import FalconJSON
import FalconTestSupport
import Foundation
import Testing

/// What the server's connections bear: requests that are refused before they are read, that are no HTTP, or too slow;
/// clients that do not read.
@Suite(.enabled(if: ServedProcess.isBuilt, "falcon-serve is not built: give --traits Server to swift build and test"))
struct ServeConnectionTests {
    private static let chat = #"{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 2}"#
    private static let type = "Content-Type: application/json"

    private func head(_ first: String, _ fields: [String]) -> [UInt8] {
        Array((["\(first) HTTP/1.1", "Host: localhost"] + fields + ["", ""]).joined(separator: "\r\n").utf8)
    }

    /// The answers that came on a connection, one behind the other.
    private func answers(_ bytes: [UInt8]) throws -> [HTTPAnswer] {
        try String(decoding: bytes, as: UTF8.self).components(separatedBy: "HTTP/1.1 ").dropFirst().map {
            try HTTPAnswer(Array(("HTTP/1.1 " + $0).utf8))
        }
    }

    private func isWell(_ server: ServedProcess) throws -> Bool {
        try server.ask("/v1/chat/completions", Self.chat).status == 200 && server.process.isRunning
            && !server.stderr.contains("rror")
    }

    @Test func `the body of a refused request is never read as another request`() throws {
        let folder = try TemporaryFolder()
        let server = try ServedProcess(["--api-key-file", folder.write("k", to: "key")])
        let key = "Authorization: Bearer k"
        // What an attacker would want to be read.
        let request = head("POST /v1/chat/completions", [Self.type, key, "Content-Length: \(Self.chat.utf8.count)"])
        let body = request + Array(Self.chat.utf8)
        let length = "Content-Length: \(2 * body.count)"
        let size = Array((String(body.count, radix: 16) + "\r\n").utf8)
        for (first, fields, status) in [
            ("POST /no/such", [Self.type, key, length], 404),
            ("POST /v1/chat/completions", [Self.type, length], 401),
            ("POST /v1/chat/completions", ["Content-Type: text/plain", key, length], 415),
            ("POST /v1/chat/completions", [Self.type, key, "Content-Length: 5000000"], 413),
            ("DELETE /v1/models", [key, length], 405),
            ("POST /no/such", [Self.type, key, "Transfer-Encoding: chunked"], 404),
        ] {
            let connection = try ClientConnection(port: server.port)
            connection.send(head(first, fields))
            // The refusal comes before the body is there, and says that the connection ends.
            #expect(connection.read(until: "\"error\""), "\(first)")
            connection.send(
                fields.last == length || fields.last?.hasPrefix("Content-Length") == true ? body : size + body)
            connection.send(body)
            let told = try answers(connection.readAll())
            #expect(told.map(\.status) == [status], "\(first) \(fields)")
            #expect(told.first?.headers["connection"] == "close")
        }
        let page = try server.get("/metrics", headers: [key]).text
        #expect(!page.contains("endpoint=\"/v1/chat/completions\",status=\"200\""), "\(page)")
        #expect(page.contains("falcon_requests_in_flight 0\n"), "\(page)")
    }

    @Test func `a request that is no HTTP is answered with 400 and ends its connection`() throws {
        let server = try ServedProcess()
        let post = "POST /v1/chat/completions"
        let chunked = [Self.type, "Transfer-Encoding: chunked"]
        let count = Self.chat.utf8.count
        for (name, first, fields, body) in [
            ("a chunk of no size", post, chunked, "xyz\r\n{}\r\n0\r\n\r\n"),
            ("a chunk of too many digits", post, chunked, "fffffffffffffffff0\r\n{}\r\n0\r\n\r\n"),
            ("a chunk longer than it says", post, chunked, "2\r\n{}{}{}\r\n0\r\n\r\n"),
            ("no number", post, [Self.type, "Content-Length: many"], "{}"),
            ("a negative number", post, [Self.type, "Content-Length: -2"], "{}"),
            ("a number too great", post, [Self.type, "Content-Length: 99999999999999999999999"], "{}"),
            ("two lengths", post, [Self.type, "Content-Length: 2", "Content-Length: 3"], "{}"),
            ("a length and chunks", post, chunked + ["Content-Length: \(count)"], Self.chat),
            ("another version", "GET /health HTTP/7.3\r\nX: y\r\n\r\n", [], ""),
            ("no header", "GET /health", ["no header"], ""),
            (
                "a header too long", "GET /health",
                [
                    "X: " + String(repeating: "x", count: 200_000)
                ], ""
            ),
        ] {
            let connection = try ClientConnection(port: server.port)
            connection.send(head(first, fields) + Array(body.utf8))
            let told = try answers(connection.readAll())
            #expect(told.map(\.status) == [400], "\(name)")
            #expect(told.first?.headers["connection"] == "close", "\(name)")
            #expect(try told.first?.json["error"]?["code"]?.string == "malformed_request", "\(name)")
        }
        #expect(try server.get("/metrics").text.contains("falcon_requests_in_flight 0\n"))
        #expect(try isWell(server), "\(server.stderr)")
    }

    @Test func `a body that ends too soon is refused, what comes behind one is dropped`() throws {
        let server = try ServedProcess()
        let count = Self.chat.utf8.count
        let short = try ClientConnection(port: server.port)
        short.send(
            head("POST /v1/chat/completions", [Self.type, "Content-Length: \(count + 1)"]) + Array(Self.chat.utf8))
        short.endSending()
        #expect(try answers(short.readAll()).map(\.status) == [400])
        // Less than there is: the answer is to what was told, and the rest is no request.
        let long = try ClientConnection(port: server.port)
        let whole = head("POST /v1/chat/completions", [Self.type, "Content-Length: \(count)"]) + Array(Self.chat.utf8)
        long.send(whole + Array("}}}\r\n\r\n".utf8))
        #expect(try answers(long.readAll()).map(\.status) == [200])
        // Requests behind each other are answered in their order, on one connection.
        let connection = try ClientConnection(port: server.port)
        connection.send(whole + head("GET /v1/models", []) + whole + head("GET /no/such", []) + whole)
        let told = try answers(connection.readAll())
        #expect(told.map(\.status) == [200, 200, 200, 404])
        #expect(
            try told.map { try $0.json["object"]?.string }.prefix(3) == ["chat.completion", "list", "chat.completion"])
        #expect(try isWell(server), "\(server.stderr)")
    }

    @Test func `a request that does not arrive is given up`() throws {
        let server = try ServedProcess(["--client-timeout", "1"])
        let part = try ClientConnection(port: server.port)
        part.send(head("POST /v1/chat/completions", [Self.type, "Content-Length: 100"]) + Array("{".utf8))
        let none = try ClientConnection(port: server.port)
        none.send(Array("POST /v1/ch".utf8))
        #expect(try answers(part.readAll()).map(\.status) == [408])
        #expect(try answers(none.readAll()).allSatisfy { $0.status == 400 })
        #expect(try server.get("/metrics").text.contains("falcon_requests_in_flight 0\n"))
    }

    #if os(Linux)
        /// Descriptors that the server's process has open.
        private func descriptors(_ server: ServedProcess) -> Int {
            let folder = "/proc/\(server.process.processIdentifier)/fd"
            return (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
        }

        @Test func `a client that does not read loses its texts and its connection`() throws {
            let server = try ServedProcess(["--client-timeout", "2"])
            #expect(try isWell(server))
            PseudoTerminal.wait { (try? server.get("/metrics").text.contains("requests_in_flight 0\n")) == true }
            // More than the system holds for a client that does not read.
            let body =
                #"{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 2, "seed": 1, "#
                + #""n": 16, "max_tokens": 1900, "stream": true, "logprobs": true, "top_logprobs": 20}"#
            let before = descriptors(server)
            let stalled = try (0..<2).map { _ in
                let connection = try ClientConnection(port: server.port, receiveBuffer: 4096)
                connection.send(ServedProcess.request("POST", "/v1/chat/completions", body))
                return connection
            }
            for connection in stalled { #expect(connection.read(until: "data: ")) }
            PseudoTerminal.wait { (try? server.get("/metrics").text.contains("requests_in_flight 0\n")) == true }
            let page = try server.get("/metrics").text
            #expect(page.contains("falcon_requests_in_flight 0\n"), "\(page)")
            #expect(page.contains("falcon_requests_cancelled_total 2\n"), "\(page)")
            PseudoTerminal.wait { descriptors(server) <= before }
            #expect(descriptors(server) <= before)
            // What it got is the beginning of its answer.
            for connection in stalled {
                let text = String(decoding: connection.readAll(), as: UTF8.self)
                #expect(text.contains("data: {") && !text.contains("[DONE]"))
            }
            #expect(try isWell(server), "\(server.stderr)")
        }
    #endif
}
