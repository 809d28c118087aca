import Synchronization

/// The data of a stream's events as they come, each a JSON object, the last one `[DONE]`. Whoever stops reading drops
/// the texts; one who reads too slowly is given up before what he has not read fills the memory.
package struct EventStream: AsyncSequence, Sendable {
    package typealias Element = String
    package typealias Failure = any Error

    /// The most bytes of events that wait for their reader.
    static let mostBytes = 16 << 20

    private let events: AsyncThrowingStream<String, any Error>
    private let continuation: AsyncThrowingStream<String, any Error>.Continuation
    private let waiting: Backlog

    /// Events that were sent and not read.
    private final class Backlog: Sendable {
        let bytes = Atomic<Int>(0)
        let isEnded = Atomic<Bool>(false)
        let limit: Int

        init(limit: Int) { self.limit = limit }
    }

    /// - Parameters:
    ///   - mostBytes: of events that wait for their reader.
    ///   - produce: sends all events and ends; it is cancelled where nobody reads any more. `send` throws where they
    ///     are not taken.
    init(
        mostBytes: Int = EventStream.mostBytes,
        _ produce: @escaping @Sendable (_ send: @escaping @Sendable (String) throws -> Void) async throws -> Void
    ) {
        let (events, continuation) = AsyncThrowingStream<String, any Error>.makeStream()
        let waiting = Backlog(limit: mostBytes)
        (self.events, self.continuation, self.waiting) = (events, continuation, waiting)
        let task = Task {
            do {
                try await produce { event in
                    let bytes = event.utf8.count
                    guard waiting.bytes.wrappingAdd(bytes, ordering: .relaxed).newValue <= waiting.limit else {
                        throw APIError(408, "the stream is not read: read it faster", code: "timeout")
                    }
                    continuation.yield(event)
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in
            waiting.isEnded.store(true, ordering: .relaxed)
            task.cancel()
        }
    }

    /// Whether all has been sent, or nothing more will be.
    var isEnded: Bool { waiting.isEnded.load(ordering: .relaxed) }

    /// Drops the texts; who reads gets a `CancellationError`.
    package func cancel() { continuation.finish(throwing: CancellationError()) }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate var events: AsyncThrowingStream<String, any Error>.Iterator
        fileprivate let stream: EventStream

        package mutating func next() async throws -> String? {
            let event = try await events.next()
            if let event { stream.waiting.bytes.wrappingSubtract(event.utf8.count, ordering: .relaxed) }
            return event
        }
    }

    package func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator(), stream: self) }
}
