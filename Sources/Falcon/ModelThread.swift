internal import FalconDecoding
internal import FalconDraft
internal import FalconModels
internal import FalconTensor
import Dispatch
import Foundation
import Synchronization

/// The one thread that computes with a model. Everything that takes its pool of threads runs here, one thing after the
/// other: loading, and the passes of texts, of which several are decoded in one pass.
///
/// Others hand it jobs at any time; one that arrives during a pass is done behind it. The thread ends when this object
/// goes and its jobs and texts are done.
final class ModelThread: Sendable {
    typealias Job = @Sendable (EngineDesk) -> Void

    private let inbox = Inbox()
    private let numbers = Atomic<Int>(0)
    /// Threads that compute.
    let threadCount: Int

    /// - Parameter threads: one for each processor where it is `nil`.
    init(threads: Int?) {
        threadCount = max(1, threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let thread = Thread { [inbox, threadCount] in
            let desk = EngineDesk(pool: ThreadPool(threadCount: threadCount))
            while let jobs = inbox.take(waits: desk.isIdle) {
                for job in jobs { job(desk) }
                desk.pass()
            }
        }
        thread.name = "Falcon model"
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { inbox.close() }

    /// Hands over a job.
    func perform(_ job: @escaping Job) { inbox.add(job) }

    /// Runs a job that makes something, and waits for it.
    ///
    /// - Throws: `FalconError`, or what `work` throws for a cancellation.
    func value<Value: Sendable>(_ work: @escaping @Sendable (ThreadPool) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            perform { desk in continuation.resume(with: Result { try wordingErrors { try work(desk.pool) } }) }
        }
    }

    /// Decodes a text in company of all others. Ending the stream, as its consumer's cancellation does, drops the text.
    ///
    /// - Parameter owner: kept while the text is decoded.
    func stream(
        _ request: TextRequest, with model: LoadedModel, drafting: LoadedHead?, owner: some AnyObject & Sendable
    ) -> AsyncThrowingStream<Generation, any Error> {
        let number = numbers.wrappingAdd(1, ordering: .relaxed).newValue
        return AsyncThrowingStream { continuation in
            // The owner, which has this thread, goes with the stream at the latest.
            continuation.onTermination = { _ in
                withExtendedLifetime(owner) { self.perform { $0.drop(number) } }
            }
            perform { $0.begin(request, number: number, model: model, drafting: drafting, continuation) }
        }
    }
}

/// Jobs that wait for the model's thread.
private final class Inbox: Sendable {
    private struct State {
        var jobs: [ModelThread.Job] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)

    func add(_ job: @escaping ModelThread.Job) {
        state.withLock { $0.jobs.append(job) }
        arrived.signal()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        arrived.signal()
    }

    /// The jobs that are there; `nil` where none will come any more and nothing is left to do.
    ///
    /// - Parameter waits: whether to wait for one, since there is nothing else to do.
    func take(waits: Bool) -> [ModelThread.Job]? {
        if waits { arrived.wait() }
        return state.withLock { state in
            defer { state.jobs = [] }
            return state.isClosed && state.jobs.isEmpty && waits ? nil : state.jobs
        }
    }
}
