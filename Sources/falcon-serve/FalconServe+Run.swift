#if Server
    import ArgumentParser
    import Dispatch
    import Falcon
    import FalconCommandSupport
    import FalconServer
    import FalconTensor
    import Foundation
    import Hummingbird
    import Logging
    import Synchronization

    extension FalconServe {
        /// Loads the model and answers until a signal ends it.
        func serve() async throws {
            let key = try apiKeyFile.map { path in
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                    throw FalconError("--api-key-file \(path): cannot be read")
                }
                guard let key = APIKey(text) else { throw FalconError("--api-key-file \(path): is empty") }
                return key
            }
            let model = try await LanguageModel.load(
                target,
                options: .init(
                    precision: precision.flatMap { Precision(rawValue: $0.rawValue) }, template: template,
                    threads: common.threads, maximumTexts: maxSequences, cacheBytes: ByteSize(cacheBytes)?.count ?? 0))
            var head: DraftHead?
            if tree == "auto" || draftsByLookup && tree == nil { note("measuring rounds for --tree auto") }
            if draftsByLookup {
                head = try await DraftHead.lookup(for: model, tree: tree ?? "auto")
            } else if let draft {
                head = try await DraftHead.load(draft, for: model, tree: tree ?? "medium", addingLookup: lookup)
            }
            if let measured = head?.measured { note(measured) }
            let served = ServedModel(
                name: modelName, model: model, head: head, context: context,
                created: Int(Date().timeIntervalSince1970))
            var logger = Logger(label: "falcon-serve") { StreamLogHandler.standardError(label: $0) }
            logger.logLevel = .critical
            let responder = ServerResponder(
                served: served, key: key, figures: ServerFigures(), mostInFlight: 16 * maxSequences)
            if key == nil, !["127.0.0.1", "::1", "localhost"].contains(host) {
                note("listening on \(host) without --api-key-file: whoever reaches it may use it")
            }
            let limits = ConnectionGuard.Limits(patience: .seconds(Int64(clientTimeout)))
            var configuration = ApplicationConfiguration(address: .hostname(host, port: port))
            // Those that do nothing are closed; the others fit beside them.
            configuration.availableConnectionsDelegate = .maximum(
                max(512, 2 * responder.mostInFlight), logger: logger)
            let app = Application(
                responder: responder,
                server: .http1(
                    configuration: .init(
                        additionalChannelHandlers: [ConnectionGuard(limits)], idleTimeout: limits.patience)),
                configuration: configuration,
                onServerRunning: { channel in
                    let port = channel.localAddress?.port ?? self.port
                    let host = self.host.contains(":") ? "[\(self.host)]" : self.host
                    self.note("serving \(served.name) at http://\(host):\(port)/v1")
                }, logger: logger)
            do { try await app.runService(gracefulShutdownSignals: [.sigterm, .sigint]) } catch {
                throw FalconError("--host \(host) --port \(port): cannot be served: \(ErrorLine.text(of: error))")
            }
        }

        /// Runs a task to its end on behalf of a thread that may wait.
        func blocking(_ work: @escaping @Sendable () async throws -> Void) throws {
            let done = DispatchSemaphore(value: 0)
            let result = Mutex<Result<Void, any Error>>(.success(()))
            Task {
                do { try await work() } catch { result.withLock { $0 = .failure(error) } }
                done.signal()
            }
            done.wait()
            try result.withLock { $0 }.get()
        }
    }
#endif
