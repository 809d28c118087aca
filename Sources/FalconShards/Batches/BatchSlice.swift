/// A part of a batch, cut by sequences: number `number` of `count` that are as even as can be, some of them empty where
/// the batch has fewer sequences. Which sequences it holds depends on nothing else.
package struct BatchSlice: Sendable, Equatable {
    /// From 0.
    package let number: Int
    package let count: Int

    package init(_ number: Int, of count: Int) {
        precondition(count > 0 && (0..<count).contains(number), "slice \(number) of \(count)")
        (self.number, self.count) = (number, count)
    }

    /// Its part of a batch.
    package func part<Element>(of batch: [Element]) -> [Element] {
        Array(batch[batch.count * number / count..<batch.count * (number + 1) / count])
    }
}

/// The slices of a sampler's batches that one process works on, in the order in which a step takes them: a slice of
/// each batch of the step, then the next slice of each.
package struct SlicedBatches: BatchOrder {
    private var sampler: LengthBucketSampler
    private let slices: Range<Int>
    private let count: Int
    private let accumulation: Int
    /// What is left of the step.
    private var waiting: [[Int]] = []
    package var position: LengthBucketSampler.Position { sampler.position }

    /// - Parameters:
    ///   - sampler: stands at the step's first batch.
    ///   - slices: this process's, of `count`.
    ///   - accumulation: batches of a step; an epoch's last step may have fewer.
    package init(_ sampler: LengthBucketSampler, slices: Range<Int>, of count: Int, accumulation: Int) {
        precondition(!slices.isEmpty && slices.lowerBound >= 0 && slices.upperBound <= count, "slices \(slices)")
        (self.sampler, self.slices, self.count, self.accumulation) = (sampler, slices, count, accumulation)
    }

    package mutating func next() -> [Int] {
        if waiting.isEmpty {
            var batches = [sampler.next()]
            while batches.count < accumulation, sampler.position.batch < sampler.batchesPerEpoch {
                batches.append(sampler.next())
            }
            // From the end, to be taken from there.
            waiting = slices.reversed().flatMap { slice in
                batches.reversed().map { BatchSlice(slice, of: count).part(of: $0) }
            }
        }
        return waiting.removeLast()
    }
}
