import FalconTensor
import Foundation

/// A batch with the place that a sampler has behind it: what a checkpoint taken after this batch must keep.
package struct FeatureBatch: Sendable {
    package let sequences: [FeatureSequence]
    package let following: LengthBucketSampler.Position
}

/// Which sequences come next, without end.
package protocol BatchOrder: Sendable {
    /// Where the order stands.
    var position: LengthBucketSampler.Position { get }
    /// The sequences of the next batch; a part of a batch may have none.
    mutating func next() -> [Int]
}

extension LengthBucketSampler: BatchOrder {}

/// Gets the next batches ready, read or made, on threads of its own while the caller computes on the last one.
///
/// Batches come in the sampler's order, without end. Used by one thread at a time.
package final class Prefetcher {
    private let shelf: Shelf

    /// - Parameters:
    ///   - source: where the sequences come from.
    ///   - sampler: which come next; the first batch is its next one.
    ///   - maxLength: tokens beyond it are not read.
    ///   - ahead: batches that are kept ready, 1 or more.
    ///   - threads: how many work on a batch.
    package init(
        _ source: any FeatureSequences, _ sampler: any BatchOrder, maxLength: Int? = nil, ahead: Int = 2,
        threads: Int = 1
    ) {
        precondition(ahead > 0, "\(ahead) batches cannot be kept ready")
        let shelf = Shelf(capacity: ahead)
        self.shelf = shelf
        // The thread holds the shelf and not the prefetcher, so that dropping the prefetcher ends it.
        SystemMemory.requireThread()
        Thread.detachNewThread {
            let pool = ThreadPool(threadCount: threads)
            var sampler = sampler
            var goesOn = true
            while goesOn {
                let batch = Result {
                    let indices = sampler.next()
                    return FeatureBatch(
                        sequences: indices.isEmpty ? [] : try source.batch(indices, limit: maxLength, on: pool),
                        following: sampler.position)
                }
                goesOn = shelf.put(batch)
            }
        }
    }

    deinit { shelf.close() }

    /// The next batch, waiting for it where it is not ready yet.
    ///
    /// - Throws: what reading it threw; after that, the same again at every call.
    package func next() throws -> FeatureBatch { try shelf.take().get() }
}

/// A queue of bounded length between the two threads.
private final class Shelf: @unchecked Sendable {
    private let condition = NSCondition()
    private let capacity: Int
    private var ready: [Result<FeatureBatch, any Error>] = []
    private var isClosed = false

    init(capacity: Int) { self.capacity = capacity }

    /// Waits for room and adds a batch. Returns whether another one is wanted.
    func put(_ batch: Result<FeatureBatch, any Error>) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while ready.count >= capacity && !isClosed { condition.wait() }
        guard !isClosed else { return false }
        ready.append(batch)
        condition.broadcast()
        if case .failure = batch { return false }
        return true
    }

    /// Waits for a batch and takes it; a failure stays, being the last.
    func take() -> Result<FeatureBatch, any Error> {
        condition.lock()
        defer { condition.unlock() }
        while ready.isEmpty { condition.wait() }
        if case .failure = ready[0] { return ready[0] }
        condition.broadcast()
        return ready.removeFirst()
    }

    func close() {
        condition.lock()
        isClosed = true
        condition.broadcast()
        condition.unlock()
    }
}
