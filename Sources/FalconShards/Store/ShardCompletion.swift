import FalconTensor
import Foundation

/// A shard that is completed on a thread of its own, while the caller goes on with the next one: its last chunks are
/// compressed, the file is synced and renamed, its digest taken, its facts recorded.
package final class ShardCompletion: @unchecked Sendable {
    private let condition = NSCondition()
    private var result: Result<ShardFacts, any Error>?
    // Both are the thread's alone.
    private var writer: ShardWriter?
    private var claim: ShardClaim?

    /// - Parameters:
    ///   - writer: with all its sequences; the caller makes no more use of it.
    ///   - claim: on the shard, given back when it is recorded.
    package init(
        of shard: Int, _ writer: ShardWriter, _ claim: ShardClaim, in folder: ShardFolder, skipped: [String: Int],
        failed: [String: Int]
    ) {
        (self.writer, self.claim) = (writer, claim)
        SystemMemory.requireThread()
        Thread.detachNewThread { [self] in
            let result = Result {
                guard let writer = self.writer else { preconditionFailure("shard \(shard) is completed twice") }
                let contents = try writer.finish(on: ThreadPool(threadCount: 1))
                return try folder.record(shard, contents, skipped: skipped, failed: failed)
            }
            // An unfinished file and the claim are gone before anybody hears of the result.
            (self.writer, self.claim) = (nil, nil)
            condition.lock()
            self.result = result
            condition.broadcast()
            condition.unlock()
        }
    }

    /// The shard's facts, waiting for them where it is not complete yet.
    ///
    /// - Throws: `FileError` or `HDF5Error` where it cannot be completed; then it left nothing behind.
    package func facts() throws -> ShardFacts {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let result { return try result.get() }
            condition.wait()
        }
    }
}
