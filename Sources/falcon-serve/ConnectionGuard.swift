#if Server
    import FalconJSON
    import FalconServer
    import HTTPTypes
    import NIOCore
    import NIOHTTP1
    import NIOHTTPTypes

    /// Keeps one connection within its limits, whatever its client does.
    ///
    /// The layers above see one request at a time, whole or ended by an error. What a refused request still sends is
    /// never read as another one: the answer ends the connection, and its rest is dropped, up to a limit. A client that
    /// does not go on, sending or reading, is given up.
    ///
    ///     waiting ─ head ─▶ answering ─ end of the answer ─▶ waiting
    ///                           └─ an answer that closes, a request that is no HTTP, too late ─▶ closing
    ///
    /// Belongs to its channel's event loop.
    final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
        typealias InboundIn = HTTPRequestPart
        typealias InboundOut = HTTPRequestPart
        typealias OutboundIn = HTTPResponsePart
        typealias OutboundOut = HTTPResponsePart

        /// What a client may take.
        struct Limits: Sendable {
            /// For a request to arrive, and for any byte of an answer to be taken.
            var patience: TimeAmount
            /// For a client to close behind the last answer, and the most bytes of it that are dropped meanwhile.
            static let closing = TimeAmount.seconds(5)
            static let dropped = 8 << 20
            /// Bytes of further requests that are held while one is answered. Behind them nothing is read.
            static let held = 64 << 10
            /// Requests of one connection.
            static let requests = 1000
            /// Bytes that the system holds for a client that does not read.
            static let sendBuffer = 128 << 10
        }

        /// The request did not arrive in time.
        struct RequestTooSlow: Error {
            let seconds: Int64
        }

        private enum Phase {
            case waiting, answering, closing
        }

        private let limits: Limits
        private var phase = Phase.waiting
        private var requests = 0

        // The request that is being answered.
        private var hasBody = false
        private var hasRequestEnded = false
        private var hasAnswerBegun = false
        /// Whether the connection ends with the answer.
        private var closesBehind = false
        private var requestDeadline: Scheduled<Void>?

        /// Parts of requests that came before the answer to this one has ended.
        private var held: [HTTPRequestPart] = []
        private var heldBytes = 0
        private var hasPendingRead = false

        // Closing.
        private var droppedBytes = 0
        private var isInputClosed = false
        private var isOutputClosed = false
        private var closingDeadline: Scheduled<Void>?

        /// Writes that the system has not taken yet, whether any got on since the last look, and what was left then.
        private var unsent = 0
        private var hasSent = false
        private var unsentBytes = 0
        private var stallCheck: Scheduled<Void>?

        init(_ limits: Limits) { self.limits = limits }

        func handlerAdded(context: ChannelHandlerContext) {
            context.channel.setOption(.socketOption(.so_sndbuf), value: Limits.sendBuffer).whenComplete { _ in }
        }

        func channelInactive(context: ChannelHandlerContext) {
            for timer in [requestDeadline, closingDeadline, stallCheck] { timer?.cancel() }
            (held, phase) = ([], .closing)
            context.fireChannelInactive()
        }

        // MARK: What comes in

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let part = unwrapInboundIn(data)
            switch phase {
            case .closing:
                droppedBytes += ConnectionGuard.size(of: part)
                if droppedBytes > Limits.dropped { context.close(promise: nil) }
            case .waiting:
                pass(part, context)
            case .answering:
                if hasRequestEnded {
                    held.append(part)
                    heldBytes += ConnectionGuard.size(of: part)
                } else {
                    pass(part, context)
                }
            }
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            context.fireChannelReadComplete()
            // The layers above read no further once they have the request; that the client goes is to be seen.
            if phase == .closing || phase == .answering && hasRequestEnded { read(context: context) }
        }

        func read(context: ChannelHandlerContext) {
            hasPendingRead = phase != .closing && heldBytes > Limits.held
            if !hasPendingRead { context.read() }
        }

        /// Hands a part of the next request, or of the one that is being answered, to the layers above.
        private func pass(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
            switch part {
            case .head(let head):
                phase = .answering
                (hasBody, hasRequestEnded, hasAnswerBegun) = (false, false, false)
                requests += 1
                let isLast = head.headerFields[.connection]?.lowercased() == "close" || requests >= Limits.requests
                if isLast { closesBehind = true }
                requestDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: limits.patience) {
                    self.requestIsTooSlow(context)
                }
            case .body: hasBody = true
            case .end:
                hasRequestEnded = true
                requestDeadline?.cancel()
            }
            context.fireChannelRead(wrapInboundOut(part))
        }

        private static func size(of part: HTTPRequestPart) -> Int {
            switch part {
            case .head(let head): 1024 + head.headerFields.reduce(0) { $0 + $1.name.rawName.count + $1.value.count }
            case .body(let buffer): buffer.readableBytes
            case .end: 0
            }
        }

        private func requestIsTooSlow(_ context: ChannelHandlerContext) {
            // An answer that has begun goes on to its end, which closes.
            guard phase == .answering, !hasRequestEnded, !hasAnswerBegun else { return }
            let seconds = limits.patience.nanoseconds / 1_000_000_000
            refuse(.tooSlow(seconds), context)
            context.fireErrorCaught(RequestTooSlow(seconds: seconds))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            guard error is HTTPParserError else { return context.fireErrorCaught(error) }
            switch phase {
            case .closing: return
            case .answering where hasRequestEnded || hasAnswerBegun: closesBehind = true
            case .waiting, .answering:
                refuse(.malformed, context)
                context.fireErrorCaught(error)
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            switch event {
            case ChannelEvent.inputClosed:
                (isInputClosed, closesBehind) = (true, true)
                // Who has sent a whole request of work and closes does not wait for its answer.
                if phase == .closing ? isOutputClosed : phase == .answering && hasBody { context.close(promise: nil) }
            case is ChannelShouldQuiesceEvent: closesBehind = true
            default: break
            }
            context.fireUserInboundEventTriggered(event)
        }

        // MARK: What goes out

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard phase != .closing else {
                promise?.fail(ChannelError.ioOnClosedChannel)
                return
            }
            switch unwrapOutboundIn(data) {
            case .head(var head) where head.status.kind != .informational:
                hasAnswerBegun = true
                if !hasRequestEnded || isInputClosed || head.headerFields[.connection]?.lowercased() == "close" {
                    closesBehind = true
                }
                if closesBehind { head.headerFields[.connection] = "close" }
                send(.head(head), context, promise)
            case let part:
                guard case .end = part else { return send(part, context, promise) }
                if closesBehind { return close(behind: part, context, promise) }
                send(part, context, promise)
                answerNext(context)
            }
        }

        /// Writes a part, and watches that the client takes it.
        private func send(
            _ part: HTTPResponsePart, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
        ) {
            let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
            unsent += 1
            promise.futureResult.assumeIsolated().whenComplete { _ in
                self.unsent -= 1
                self.hasSent = true
            }
            if stallCheck == nil { checkStall(context) }
            context.write(wrapOutboundOut(part), promise: promise)
        }

        private func checkStall(_ context: ChannelHandlerContext) {
            hasSent = false
            unsentBytes = ConnectionGuard.unsentBytes(context)
            stallCheck = context.eventLoop.assumeIsolated().scheduleTask(in: limits.patience) {
                self.stallCheck = nil
                guard self.unsent > 0 else { return }
                if self.hasSent || ConnectionGuard.unsentBytes(context) != self.unsentBytes {
                    self.checkStall(context)
                } else {
                    // Nothing was taken. Failing writes end the texts.
                    context.close(promise: nil)
                }
            }
        }

        private static func unsentBytes(_ context: ChannelHandlerContext) -> Int {
            (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        }

        /// The answer has ended, the connection goes on.
        private func answerNext(_ context: ChannelHandlerContext) {
            phase = .waiting
            let parts = held
            (held, heldBytes) = ([], 0)
            for part in parts { channelRead(context: context, data: wrapInboundOut(part)) }
            if !parts.isEmpty { context.fireChannelReadComplete() }
            if hasPendingRead { read(context: context) }
        }

        // MARK: The end

        /// Answers a request that the layers above never get whole.
        private func refuse(_ error: APIError, _ context: ChannelHandlerContext) {
            let body = ByteBuffer(string: error.json.text())
            var fields: HTTPFields = [.contentType: "application/json", .connection: "close"]
            fields[.contentLength] = "\(body.readableBytes)"
            send(.head(HTTPResponse(status: .init(code: error.status), headerFields: fields)), context, nil)
            send(.body(body), context, nil)
            close(behind: .end(nil), context, nil)
        }

        /// Sends the last part of the last answer, closes this side, and drops what comes until the client closes its
        /// own: to close at once while bytes of it are on their way would take the answer from it.
        private func close(
            behind part: HTTPResponsePart, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
        ) {
            let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { _ in
                self.isOutputClosed = true
                if self.isInputClosed { return context.close(promise: nil) }
                context.close(mode: .output, promise: nil)
                self.closingDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: Limits.closing) {
                    context.close(promise: nil)
                }
            }
            send(part, context, promise)
            (phase, held, heldBytes) = (.closing, [], 0)
            requestDeadline?.cancel()
            context.flush()
            context.read()
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            // Those above may not close before the client has its answer; that happens here.
            guard phase != .closing || mode == .input else {
                promise?.succeed()
                return
            }
            // They close where nothing came for a while: it is said why.
            if mode == .all, phase == .answering, !hasRequestEnded, !hasAnswerBegun {
                promise?.succeed()
                return requestIsTooSlow(context)
            }
            context.close(mode: mode, promise: promise)
        }
    }
#endif
