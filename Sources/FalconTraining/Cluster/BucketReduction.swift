import FalconCluster
import FalconNN
import FalconTensor
import Foundation

/// Sums one step's gradients over the ranks, bucket by bucket, while the backward pass still finds others.
///
/// Buckets go in one order on all ranks, the last parameters' first, as a backward pass comes to them: a bucket that is
/// complete waits for those before it. The bits do not depend on when that is.
final class BucketReduction: @unchecked Sendable {
    private let layout: ShareLayout
    private let cluster: any ClusterCommunicator
    private let pool: ThreadPool
    private let isRounded: Bool
    private let clock: StepClock?
    private let places: [[Place]]
    /// By bucket; made when the first value comes.
    private var values: [Tensor?]
    /// Parameters that each bucket still waits for.
    private var missing: [Int]
    private var next: Int

    private let queue = DispatchQueue(label: "falcon.reduction")
    /// Guards what follows.
    private let lock = NSLock()
    private var share: Tensor
    private var failure: (any Error)?

    /// A bucket on its way from one thread to another, with one owner at a time.
    private final class Parcel: @unchecked Sendable {
        var values: Tensor

        init(_ values: Tensor) { self.values = values }
    }

    /// Where values of a parameter go.
    private struct Place {
        let bucket: Int
        let stretch: ShareLayout.Stretch
    }

    /// - Parameters:
    ///   - parameters: how many there are.
    ///   - isRounded: whether summands cross the network in bfloat16.
    ///   - clock: told when each bucket is on its way.
    init(
        _ layout: ShareLayout, parameters: Int, isRounded: Bool = false, cluster: any ClusterCommunicator,
        pool: ThreadPool, clock: StepClock? = nil
    ) {
        (self.layout, self.cluster, self.pool) = (layout, cluster, pool)
        (self.isRounded, self.clock) = (isRounded, clock)
        var places = [[Place]](repeating: [], count: parameters)
        for (index, bucket) in layout.buckets.enumerated() {
            for stretch in bucket.stretches { places[stretch.parameter].append(Place(bucket: index, stretch: stretch)) }
        }
        self.places = places
        values = layout.buckets.map { _ in nil }
        missing = layout.buckets.map(\.stretches.count)
        next = layout.buckets.count - 1
        share = Tensor(zeros: [layout.count(of: cluster.rank)])
    }

    /// Takes this rank's sum of a parameter's gradient; once for each.
    func add(_ gradient: Tensor, of parameter: Int) {
        for place in places[parameter] {
            var bucket = values[place.bucket].take() ?? Tensor(zeros: [layout.buckets[place.bucket].count])
            let (range, start) = (place.stretch.range, place.stretch.start)
            // Added to zeros rather than copied: a rank without a gradient sends zeros, and -0 must not tell.
            bucket.add(start..<start + range.count, from: gradient, at: range.lowerBound, on: pool)
            values[place.bucket] = bucket
            missing[place.bucket] -= 1
        }
        while next >= 0, missing[next] == 0 { send() }
    }

    /// Waits for the ranks' sums; parameters that were not given have none here.
    ///
    /// - Returns: this rank's share of the whole gradient, in the order of `ShareLayout.kept`.
    /// - Throws: `ClusterError` where a rank cannot be reached.
    func finish() throws -> Tensor {
        while next >= 0 { send() }
        queue.sync {}
        return try lock.withLock {
            if let failure { throw failure }
            return share
        }
    }

    private func send() {
        let index = next
        next -= 1
        let parcel = Parcel(values[index].take() ?? Tensor(zeros: [layout.buckets[index].count]))
        let own = layout.buckets[index].shares.ranges[cluster.rank]
        let start = layout.buckets[..<index].reduce(0) { $0 + $1.shares.ranges[cluster.rank].count }
        guard cluster.size > 1 else {
            share.set(start..<start + own.count, from: parcel.values, at: own.lowerBound)
            return
        }
        queue.async { [self] in
            let hasFailed = lock.withLock { failure != nil }
            guard !hasFailed else { return }
            // The step's own threads are at work elsewhere.
            let result = Result {
                let reduce = { [self] in
                    try cluster.reduceScatter(
                        &parcel.values, layout.buckets[index].shares, isRounded: isRounded,
                        on: BucketReduction.oneThread)
                }
                if let clock { try clock.time(.reduceScatter, index, reduce) } else { try reduce() }
            }
            lock.withLock {
                if case .failure(let error) = result { failure = error }
                share.set(start..<start + own.count, from: parcel.values, at: own.lowerBound)
            }
        }
    }

    private static let oneThread = ThreadPool(threadCount: 1)
}
