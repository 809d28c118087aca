internal import CFalconKernels
import Foundation
import Synchronization

/// Runs numbered pieces of one job on a fixed number of threads, and returns when all are done.
///
/// How a job is cut into pieces depends on shapes alone, never on the number of threads; so results do not change
/// with `--threads`. A pool of one thread runs everything on the caller's thread.
///
/// Each thread begins with a range of pieces of its own, the same in every job, and when that is done takes what is
/// left of the others': so it reads weights in one stream, and finds in its cache what it has written itself.
///
/// The pool is passed to whatever computes; there is no shared global one. Only one job runs at a time: a piece must
/// not start a job on the same pool.
///
/// Decoding starts a job every few microseconds. So a worker looks out for the next one for some tens of microseconds
/// before it sleeps, and a job never waits for a worker that is still waking up: workers join a job while it is open;
/// the caller closes it when all its pieces have been taken, and waits for those who joined. An idle pool burns
/// nothing.
@safe package final class ThreadPool: @unchecked Sendable {
    /// The number of threads that work on a job, the caller's included.
    package let threadCount: Int

    /// The current job. Written by the caller before it opens the job, read by workers that joined it.
    private var body: ((Int) -> Void)?
    private var pieceCount = 0
    /// Each range's next piece, `rangeStride` apart so that no two share a cache line.
    private let nextPieces: UnsafeMutablePointer<Atomic<Int>>
    private var rangeCount: Int { min(threadCount, ThreadPool.mostRanges) }
    private static let mostRanges = 16
    private static let rangeStride = 16

    /// The job's number in the upper half, whether it is open, and how many workers are at it.
    private let gate = Atomic<Int>(0)
    private static let jobShift = 32
    private static let open = 1 << 31
    private static let workers = open - 1

    private let sleepingWorkers = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    /// Guards the workers' sleep and the count of those that exist.
    private let workerLock = NSCondition()
    private var standing = 0
    /// Guards the caller's sleep.
    private let callerLock = NSCondition()

    /// Looks of a spinning thread before it sleeps, some 20 nanoseconds each.
    private static let spins = 2000

    /// - Parameter threadCount: threads to use; `nil` means one for each processor of the machine.
    package init(threadCount: Int? = nil) {
        self.threadCount = max(1, threadCount ?? ProcessInfo.processInfo.activeProcessorCount)
        unsafe nextPieces = .allocate(capacity: ThreadPool.mostRanges * ThreadPool.rangeStride)
        for index in 0..<ThreadPool.mostRanges * ThreadPool.rangeStride {
            unsafe (nextPieces + index).initialize(to: Atomic(0))
        }
        OpenBLAS.useOneThread()
        for number in 1..<max(1, self.threadCount) {
            // Workers hold no reference that would keep the pool alive: dropping the pool stops them.
            let worker = Thread { [unowned(unsafe) self] in unsafe self.work(number) }
            worker.stackSize = 8 << 20
            SystemMemory.requireThread()
            worker.start()
        }
        workerLock.lock()
        while standing < self.threadCount - 1 { workerLock.wait() }
        workerLock.unlock()
    }

    deinit {
        stopping.store(true, ordering: .sequentiallyConsistent)
        gate.wrappingAdd(1 << ThreadPool.jobShift, ordering: .sequentiallyConsistent)
        workerLock.lock()
        workerLock.broadcast()
        while standing > 0 { workerLock.wait() }
        workerLock.unlock()
        unsafe nextPieces.deallocate()
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
            for range in 0..<rangeCount {
                unsafe nextPieces[range * ThreadPool.rangeStride].store(start(of: range, count), ordering: .relaxed)
            }
            gate.wrappingAdd((1 << ThreadPool.jobShift) + ThreadPool.open, ordering: .sequentiallyConsistent)
            if sleepingWorkers.load(ordering: .sequentiallyConsistent) > 0 {
                workerLock.lock()
                workerLock.broadcast()
                workerLock.unlock()
            }

            takePieces(body, count, first: 0)

            gate.wrappingSubtract(ThreadPool.open, ordering: .sequentiallyConsistent)
            if !ThreadPool.spin(until: { noWorkerIsAtIt }) {
                callerLock.lock()
                callerSleeps.store(true, ordering: .sequentiallyConsistent)
                while !noWorkerIsAtIt { callerLock.wait() }
                callerSleeps.store(false, ordering: .relaxed)
                callerLock.unlock()
            }
            self.body = nil
        }
    }

    private var noWorkerIsAtIt: Bool { gate.load(ordering: .sequentiallyConsistent) & ThreadPool.workers == 0 }

    private func start(of range: Int, _ count: Int) -> Int { count * range / rangeCount }

    /// Takes the pieces of a range one by one, then what is left of the others.
    private func takePieces(_ body: (Int) -> Void, _ count: Int, first: Int) {
        for turn in 0..<rangeCount {
            let range = (first + turn) % rangeCount
            let end = start(of: range + 1, count)
            while unsafe nextPieces[range * ThreadPool.rangeStride].load(ordering: .relaxed) < end {
                let piece = unsafe nextPieces[range * ThreadPool.rangeStride].wrappingAdd(1, ordering: .relaxed)
                    .oldValue
                if piece >= end { break }
                body(piece)
            }
        }
    }

    private func work(_ number: Int) {
        workerLock.lock()
        standing += 1
        workerLock.broadcast()
        workerLock.unlock()
        var seen = 0
        while true {
            let isNew = { [self] in gate.load(ordering: .sequentiallyConsistent) >> ThreadPool.jobShift != seen }
            if !ThreadPool.spin(until: isNew) {
                workerLock.lock()
                sleepingWorkers.wrappingAdd(1, ordering: .sequentiallyConsistent)
                while !isNew() { workerLock.wait() }
                sleepingWorkers.wrappingSubtract(1, ordering: .relaxed)
                workerLock.unlock()
            }
            if stopping.load(ordering: .sequentiallyConsistent) { break }
            let (job, isOpen) = join()
            seen = job
            if !isOpen { continue }
            if let body { takePieces(body, pieceCount, first: number) }
            let left = gate.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
            if left & ThreadPool.workers == 0, callerSleeps.load(ordering: .sequentiallyConsistent) {
                callerLock.lock()
                callerLock.broadcast()
                callerLock.unlock()
            }
        }
        workerLock.lock()
        standing -= 1
        workerLock.broadcast()
        workerLock.unlock()
    }

    /// Enters the current job, if it is open still.
    private func join() -> (job: Int, isOpen: Bool) {
        var state = gate.load(ordering: .sequentiallyConsistent)
        while state & ThreadPool.open != 0 {
            let (entered, found) = gate.compareExchange(
                expected: state, desired: state + 1, ordering: .sequentiallyConsistent)
            if entered { return (state >> ThreadPool.jobShift, true) }
            state = found
        }
        return (state >> ThreadPool.jobShift, false)
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
