import Foundation
import Synchronization

/// Runs numbered pieces of one job on a fixed number of threads, and returns when all are done.
///
/// How a job is cut into pieces depends on shapes alone, never on the number of threads; so results do not change
/// with `--threads`. A pool of one thread runs everything on the caller's thread. Idle workers sleep.
///
/// The pool is passed to whatever computes; there is no shared global one. Only one job runs at a time: a piece must
/// not start a job on the same pool.
@safe package final class ThreadPool: @unchecked Sendable {
    /// The number of threads that work on a job, the caller's included.
    package let threadCount: Int

    private let lock = NSCondition()
    private var generation = 0
    private var stopping = false
    private var body: ((Int) -> Void)?
    private var pieceCount = 0
    private var busyWorkers = 0
    private let nextPiece = Atomic<Int>(0)

    /// - Parameter threadCount: threads to use; `nil` means one for each processor of the machine.
    package init(threadCount: Int? = nil) {
        self.threadCount = max(1, threadCount ?? ProcessInfo.processInfo.activeProcessorCount)
        OpenBLAS.useOneThread()
        for _ in 1..<max(1, self.threadCount) {
            // Workers hold the shared state, not the pool, so that dropping the pool stops them.
            let worker = Thread { [unowned(unsafe) self] in unsafe self.work() }
            worker.stackSize = 8 << 20
            worker.start()
        }
        if self.threadCount > 1 { waitUntilWorkersStand() }
    }

    deinit {
        lock.lock()
        stopping = true
        lock.broadcast()
        while standing > 0 { lock.wait() }
        lock.unlock()
    }

    private var standing = 0

    private func waitUntilWorkersStand() {
        lock.lock()
        while standing < threadCount - 1 { lock.wait() }
        lock.unlock()
    }

    /// Calls `body` once for each number in `0..<count`, on several threads at once where `count` allows.
    ///
    /// The calls must not touch each other's results; the order in which they start is not fixed.
    package func run(_ count: Int, _ body: (Int) -> Void) {
        if count <= 1 || threadCount == 1 {
            for piece in 0..<max(0, count) { body(piece) }
            return
        }
        withoutActuallyEscaping(body) { body in
            lock.lock()
            self.body = body
            pieceCount = count
            nextPiece.store(0, ordering: .relaxed)
            busyWorkers = threadCount - 1
            generation += 1
            lock.broadcast()
            lock.unlock()

            takePieces(body, count)

            lock.lock()
            while busyWorkers > 0 { lock.wait() }
            self.body = nil
            lock.unlock()
        }
    }

    private func takePieces(_ body: (Int) -> Void, _ count: Int) {
        while true {
            let piece = nextPiece.wrappingAdd(1, ordering: .relaxed).oldValue
            if piece >= count { return }
            body(piece)
        }
    }

    private func work() {
        lock.lock()
        standing += 1
        lock.broadcast()
        var seen = 0
        while true {
            while generation == seen && !stopping { lock.wait() }
            if stopping { break }
            seen = generation
            guard let job = body else { continue }
            let count = pieceCount
            lock.unlock()
            takePieces(job, count)
            lock.lock()
            busyWorkers -= 1
            if busyWorkers == 0 { lock.broadcast() }
        }
        standing -= 1
        lock.broadcast()
        lock.unlock()
    }
}
