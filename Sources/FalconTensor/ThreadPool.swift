internal import CFalconKernels
import Foundation
import Synchronization

/// Runs numbered pieces of one job on a fixed number of threads, and returns when all are done.
///
/// How a job is cut into pieces depends on shapes alone, never on the number of threads; so results do not change
/// with `--threads`. A pool of one thread runs everything on the caller's thread.
///
/// The pool is passed to whatever computes; there is no shared global one. Only one job runs at a time: a piece must
/// not start a job on the same pool. Decoding starts a job every few microseconds, so a worker looks out for the next
/// one for some 20 microseconds before it sleeps; an idle pool burns nothing.
@safe package final class ThreadPool: @unchecked Sendable {
    /// The number of threads that work on a job, the caller's included.
    package let threadCount: Int

    /// The job at hand. Written by the caller before `generation` is raised, read by workers after they saw it.
    private var body: ((Int) -> Void)?
    private var pieceCount = 0

    private let generation = Atomic<Int>(0)
    private let nextPiece = Atomic<Int>(0)
    private let busyWorkers = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)

    /// Guards sleeping and the count of workers that exist.
    private let lock = NSCondition()
    private var sleepers = 0
    private var standing = 0

    private static let spins = 500

    /// - Parameter threadCount: threads to use; `nil` means one for each processor of the machine.
    package init(threadCount: Int? = nil) {
        self.threadCount = max(1, threadCount ?? ProcessInfo.processInfo.activeProcessorCount)
        OpenBLAS.useOneThread()
        for _ in 1..<max(1, self.threadCount) {
            // Workers hold no reference that would keep the pool alive: dropping the pool stops them.
            let worker = Thread { [unowned(unsafe) self] in unsafe self.work() }
            worker.stackSize = 8 << 20
            worker.start()
        }
        lock.lock()
        while standing < self.threadCount - 1 { lock.wait() }
        lock.unlock()
    }

    deinit {
        stopping.store(true, ordering: .releasing)
        generation.wrappingAdd(1, ordering: .releasing)
        lock.lock()
        lock.broadcast()
        while standing > 0 { lock.wait() }
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
            self.body = body
            pieceCount = count
            nextPiece.store(0, ordering: .relaxed)
            busyWorkers.store(threadCount - 1, ordering: .relaxed)
            generation.wrappingAdd(1, ordering: .releasing)
            lock.lock()
            if sleepers > 0 { lock.broadcast() }
            lock.unlock()

            takePieces(body, count)

            if !ThreadPool.spin(until: { busyWorkers.load(ordering: .acquiring) == 0 }) {
                lock.lock()
                while busyWorkers.load(ordering: .acquiring) > 0 { lock.wait() }
                lock.unlock()
            }
            self.body = nil
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
        lock.unlock()
        var seen = 0
        while true {
            if !ThreadPool.spin(until: { generation.load(ordering: .acquiring) != seen }) {
                lock.lock()
                sleepers += 1
                while generation.load(ordering: .acquiring) == seen { lock.wait() }
                sleepers -= 1
                lock.unlock()
            }
            seen = generation.load(ordering: .acquiring)
            if stopping.load(ordering: .acquiring) { break }
            if let job = body { takePieces(job, pieceCount) }
            if busyWorkers.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
                lock.lock()
                lock.broadcast()
                lock.unlock()
            }
        }
        lock.lock()
        standing -= 1
        lock.broadcast()
        lock.unlock()
    }

    /// Looks for a short while whether something has become true.
    private static func spin(until done: () -> Bool) -> Bool {
        for _ in 0..<spins {
            if done() { return true }
            falcon_pause()
        }
        return done()
    }
}
