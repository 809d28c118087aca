#if Server
    import FalconCommandSupport
    import FalconJSON
    import FalconServer
    import Foundation
    import HTTPTypes
    import Hummingbird
    import NIOCore
    import NIOHTTP1

    /// Answers requests by method and path; every refusal has OpenAI's form.
    struct ServerResponder: HTTPResponder {
        typealias Context = ConnectionContext

        let served: ServedModel
        let key: APIKey?
        let figures: ServerFigures
        /// Requests that are answered or wait for it; more are refused.
        let mostInFlight: Int

        /// The most bytes of a request.
        static let longestBody = 4 << 20

        func respond(to request: Request, context: Context) async -> Response {
            let path = request.uri.path
            let response: Response
            do { response = try await answer(request, path: path, on: context.channel) } catch {
                response = ServerResponder.refusal(error)
            }
            let known = ["/", "/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/metrics"]
            figures.answered(known.contains(path) ? path : "other", status: response.status.code)
            return response
        }

        private func answer(_ request: Request, path: String, on channel: any Channel) async throws -> Response {
            if path == "/health" {
                try require(.get, request)
                return .json(.members([("status", .string("ok"))]))
            }
            if path == "/" {
                try require(.get, request)
                return .text(
                    ChatPage.html, type: "text/html; charset=utf-8",
                    more: [.contentSecurityPolicy: ChatPage.policy, .cacheControl: "no-cache"])
            }
            if let key, !key.allows(request.headers[.authorization]) {
                throw APIError(
                    401, "Incorrect API key provided: give it as 'Authorization: Bearer KEY'", code: "invalid_api_key")
            }
            switch path {
            case "/v1/models":
                try require(.get, request)
                return .json(.members([("object", .string("list")), ("data", .array([served.json]))]))
            case "/metrics":
                try require(.get, request)
                return .text(figures.page, type: "text/plain; version=0.0.4; charset=utf-8")
            case "/v1/chat/completions":
                return try await complete(request, on: channel) {
                    let parsed = try ChatCompletionRequest($0)
                    return (parsed.fields.streams, try served.answer(parsed, id: newID("chatcmpl"), now: now))
                }
            case "/v1/completions":
                return try await complete(request, on: channel) {
                    let parsed = try CompletionRequest($0)
                    return (parsed.fields.streams, try served.answer(parsed, id: newID("cmpl"), now: now))
                }
            case "/v1/models/\(served.name)":
                try require(.get, request)
                return .json(served.json)
            default:
                if path.hasPrefix("/v1/models/") {
                    throw APIError(404, "The model does not exist", parameter: "model", code: "model_not_found")
                }
                throw APIError(404, "Unknown request URL: \(request.method.rawValue) \(path)", code: "unknown_url")
            }
        }

        private func require(_ method: HTTPRequest.Method, _ request: Request) throws {
            guard request.method == method else {
                throw APIError(
                    405, "Not allowed to \(request.method.rawValue) on \(request.uri.path): \(method.rawValue) it",
                    code: "method_not_allowed")
            }
        }

        private var now: Int { Int(Date().timeIntervalSince1970) }

        private func newID(_ prefix: String) -> String {
            prefix + "-" + UUID().uuidString.lowercased().filter { $0 != "-" }
        }

        // MARK: Completions

        private func complete(
            _ request: Request, on channel: any Channel,
            begin: @Sendable ([UInt8]) throws -> (streams: Bool, Completion)
        ) async throws -> Response {
            try require(.post, request)
            // A page of another site cannot send this type without asking first.
            guard request.headers[.contentType]?.lowercased().hasPrefix("application/json") == true else {
                throw APIError(415, "give the header 'Content-Type: application/json'", code: "invalid_content_type")
            }
            if let length = request.headers[.contentLength].flatMap(Int.init), length > ServerResponder.longestBody {
                throw ServerResponder.tooLong
            }
            guard figures.begin(most: mostInFlight) else {
                throw APIError(
                    503, "the server has \(mostInFlight) requests in flight: try again later", code: "overloaded")
            }
            let end = RequestEnd(figures)
            let (streams, completion): (Bool, Completion)
            do { (streams, completion) = try begin(await body(of: request)) } catch let refusal as APIError {
                end.isWhole()
                throw refusal
            }
            guard !streams else { return stream(completion, end, on: channel) }
            let figures = figures
            let work = Task { try await completion.whole { figures.add($0) } }
            // Where the client goes before its answer is whole, its texts are dropped.
            let departure = Departure(of: channel) { work.cancel() }
            defer { departure.forget() }
            let whole = try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                work.cancel()
            }
            end.isWhole()
            return .json(whole)
        }

        private func body(of request: Request) async throws -> [UInt8] {
            do {
                return try await Array(request.body.collect(upTo: ServerResponder.longestBody).readableBytesView)
            } catch is NIOTooManyBytesError { throw ServerResponder.tooLong }
        }

        /// Server-sent events. Where the client goes away, or does not take them, the connection closes, which drops
        /// the texts.
        private func stream(_ completion: Completion, _ end: RequestEnd, on channel: any Channel) -> Response {
            let figures = figures
            let events = completion.events { figures.add($0) }
            let departure = Departure(of: channel) { events.cancel() }
            let body = ResponseBody { writer in
                defer { departure.forget() }
                do {
                    for try await event in events {
                        try await writer.write(ByteBuffer(string: "data: \(event)\n\n"))
                    }
                } catch let error where !(error is CancellationError) {
                    // The status has been sent; the error is the last event.
                    let refusal = (error as? APIError) ?? APIError(500, ErrorLine.text(of: error))
                    try? await writer.write(ByteBuffer(string: "data: \(refusal.json.text())\n\n"))
                    throw error
                }
                try await writer.finish(nil)
                end.isWhole()
            }
            return Response(
                status: .ok,
                headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache"], body: body)
        }

        private static let tooLong = APIError(
            413, "the body has more than \(longestBody >> 20) MiB: shorten it", code: "request_too_large")

        private static func refusal(_ error: any Error) -> Response {
            // Whoever sent what is no HTTP, or has gone, is answered by the connection's guard, or not at all; here it
            // is counted.
            let error =
                switch error {
                case let error as APIError: error
                case is HTTPParserError: APIError.malformed
                case let error as ConnectionGuard.RequestTooSlow: APIError.tooSlow(error.seconds)
                default: APIError(500, ErrorLine.text(of: error))
                }
            return .json(error.json, status: .init(code: error.status), closes: true)
        }
    }

    /// A request's context, with its connection.
    struct ConnectionContext: RequestContext {
        var coreContext: CoreRequestContextStorage
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            coreContext = .init(source: source)
            channel = source.channel
        }
    }

    extension APIError {
        /// Bytes that no request can be read from.
        static let malformed = APIError(
            400, "the request is no valid HTTP/1.1: check Content-Length, the chunks and the headers",
            code: "malformed_request")

        /// A request that did not arrive in time.
        static func tooSlow(_ seconds: Int64) -> APIError {
            APIError(408, "the request has not arrived within \(seconds) seconds: send it faster", code: "timeout")
        }
    }

    /// Counts a request's end once, when nobody holds this any more: also where its task is cancelled anywhere.
    private final class RequestEnd: Sendable {
        private let figures: ServerFigures
        private let whole = RaisedOnce()

        init(_ figures: ServerFigures) { self.figures = figures }

        deinit { figures.end(isWhole: whole.isRaised) }

        func isWhole() { whole.raise() }
    }

    extension Response {
        /// - Parameter closes: whether the connection ends with the answer.
        static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, closes: Bool = false) -> Response {
            var headers: HTTPFields = [.contentType: "application/json"]
            if closes { headers[.connection] = "close" }
            return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: value.text())))
        }

        static func text(_ text: String, type: String, more: HTTPFields = [:]) -> Response {
            var headers = more
            headers[.contentType] = type
            return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
        }
    }

    extension ServedModel {
        /// As `GET /v1/models` tells it.
        var json: JSONValue {
            .members([
                ("id", .string(name)), ("object", .string("model")), ("created", .integer(created)),
                ("owned_by", .string("falcon")),
            ])
        }
    }
#endif
