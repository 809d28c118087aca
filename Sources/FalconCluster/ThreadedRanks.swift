import Foundation
import Synchronization

/// Ranks that are threads of one process: so that what ranks do together can be tested where there is no MPI.
package final class ThreadedRanks: ClusterCommunicator, @unchecked Sendable {
    package let rank: Int
    package let size: Int
    package var localSize: Int { size }
    private let mail: Mail

    private init(rank: Int, size: Int, mail: Mail) { (self.rank, self.size, self.mail) = (rank, size, mail) }

    /// Runs `body` once for each rank, each on a thread of its own.
    ///
    /// - Returns: what each gave or threw, by rank.
    package static func run<Value: Sendable>(
        _ size: Int, _ body: @escaping @Sendable (any ClusterCommunicator) throws -> Value
    ) -> [Result<Value, any Error>] {
        let mail = Mail()
        let results = Mutex<[Int: Result<Value, any Error>]>([:])
        let group = DispatchGroup()
        for rank in 0..<size {
            group.enter()
            let thread = Thread {
                let cluster = ThreadedRanks(rank: rank, size: size, mail: mail)
                let result = Result { try body(cluster) }
                results.withLock { $0[rank] = result }
                // Nobody waits for a rank that has failed.
                if case .failure = result { mail.leave(rank) }
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        group.wait()
        return results.withLock { results in
            (0..<size).map { results[$0] ?? .failure(ClusterError("rank \($0) gave nothing")) }
        }
    }

    package func exchange(
        with partner: Int, sending: UnsafeRawBufferPointer, receiving: UnsafeMutableRawBufferPointer
    ) throws {
        mail.put(unsafe Array(sending), from: rank, to: partner)
        let received = try mail.take(from: partner, to: rank)
        precondition(received.count == receiving.count, "\(received.count) bytes came, not \(receiving.count)")
        unsafe receiving.copyBytes(from: received)
    }

    package func finish() throws {}

    package func abort() -> Never { preconditionFailure("rank \(rank) ended the process") }

    /// What is on its way, by sender and receiver.
    private final class Mail: @unchecked Sendable {
        private struct Way: Hashable {
            let source, target: Int
        }

        private let condition = NSCondition()
        private var waiting: [Way: [[UInt8]]] = [:]
        private var gone: Set<Int> = []

        func put(_ bytes: [UInt8], from source: Int, to target: Int) {
            condition.withLock {
                waiting[Way(source: source, target: target), default: []].append(bytes)
                condition.broadcast()
            }
        }

        func take(from source: Int, to target: Int) throws -> [UInt8] {
            condition.lock()
            defer { condition.unlock() }
            let way = Way(source: source, target: target)
            while true {
                if let bytes = waiting[way]?.first {
                    waiting[way]?.removeFirst()
                    return bytes
                }
                guard !gone.contains(source) else { throw ClusterError("rank \(source) is gone") }
                condition.wait()
            }
        }

        func leave(_ rank: Int) {
            condition.withLock {
                gone.insert(rank)
                condition.broadcast()
            }
        }
    }
}
