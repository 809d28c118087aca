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

    @Test("map keeps the order, and throws the first error in it", arguments: [1, 3])
    func map(threads: Int) throws {
        struct Failure: Error, Equatable { let number: Int }
        let pool = ThreadPool(threadCount: threads)
        #expect(pool.map(0) { $0 }.isEmpty)
        #expect(pool.map(100) { $0 * $0 } == (0..<100).map { $0 * $0 })
        let error = #expect(throws: Failure.self) {
            try pool.map(100) { if $0 % 7 == 5 { throw Failure(number: $0) } }
        }
        #expect(error == Failure(number: 5))
    }

    @Test("a value that is made meanwhile is made once, and so is its error")
    func background() throws {
        let count = Atomic<Int>(0)
        let value = Background { count.wrappingAdd(1, ordering: .relaxed).newValue }
        #expect(try value.value() == 1 && value.value() == 1)
        struct Failure: Error {}
        let failing = Background<Int> { throw Failure() }
        for _ in 0..<2 { #expect(throws: Failure.self) { try failing.value() } }
    }
}
