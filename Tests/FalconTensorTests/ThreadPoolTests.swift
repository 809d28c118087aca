import FalconTensor
import Foundation
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
    @Test("every piece runs once, however many threads there are", arguments: [1, 2, 4])
    func everyPieceOnce(threads: Int) {
        let pool = ThreadPool(threadCount: threads)
        for count in [0, 1, 2, 3, 100, 1000] {
            let lock = NSLock()
            var seen: [Int] = []
            pool.run(count) { piece in
                lock.withLock { seen.append(piece) }
            }
            #expect(seen.sorted() == Array(0..<count))
        }
    }

    @Test("a pool that is dropped leaves no thread waiting")
    func pools() {
        for _ in 0..<50 { ThreadPool(threadCount: 3).run(3) { _ in } }
    }

    @Test("many short jobs one behind the other run every piece once", arguments: [1, 2, 3, 8])
    func shortJobs(threads: Int) {
        let pool = ThreadPool(threadCount: threads)
        for job in 0..<3000 {
            let count = job % 7
            let sum = Atomic<Int>(0)
            pool.run(count) { sum.wrappingAdd(1 << (8 * $0), ordering: .relaxed) }
            let expected = (0..<count).reduce(0) { $0 + 1 << (8 * $1) }
            let found = sum.load(ordering: .relaxed)
            if found != expected { Issue.record("job \(job): \(found), expected \(expected)") }
        }
    }

    @Test("workers that sleep wake for the next job, and pieces run side by side")
    func sleepersWake() {
        let pool = ThreadPool(threadCount: 2)
        for _ in 0..<5 {
            Thread.sleep(forTimeInterval: 0.005)
            // Each piece waits for the other: only two threads can finish.
            let arrived = Atomic<Int>(0)
            let meeting = Mutex(0)
            let deadline = Date(timeIntervalSinceNow: 20)
            pool.run(2) { _ in
                arrived.wrappingAdd(1, ordering: .sequentiallyConsistent)
                while arrived.load(ordering: .sequentiallyConsistent) < 2, Date() < deadline { usleep(100) }
                if arrived.load(ordering: .sequentiallyConsistent) == 2 { meeting.withLock { $0 += 1 } }
            }
            #expect(meeting.withLock { $0 } == 2)
        }
    }
}
