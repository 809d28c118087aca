import FalconShards

/// Gives the training batches of a source of features in order, reading or making them ahead on threads of its own.
final class FeatureBatches {
    private let source: any FeatureSequences
    private let indices: [Int]
    private let limit: LengthBucketSampler.Limit
    private let seed: UInt64
    private let maxLength: Int
    private let share: SliceShare?
    private let threads: Int
    /// The numbers of batches of the epochs that were asked for.
    private var counts: [Int: Int] = [:]
    private var prefetcher: Prefetcher?
    /// What the prefetcher gives next, the first one last; ends with a step.
    private var turns: [Turn] = []
    /// Where the step behind `turns` begins.
    private var following = LengthBucketSampler.Position()

    /// A batch of an epoch, or a slice of one.
    private struct Turn: Equatable {
        let epoch: Int
        let batch: Int
        let slice: Int?
    }

    /// - Parameters:
    ///   - indices: the source's sequences to take, at least one.
    ///   - limit: how large a batch may be.
    ///   - share: the slices of each batch that will be asked for; `nil`: whole batches will.
    ///   - threads: how many get batches ready, beside those that compute.
    init(
        _ source: any FeatureSequences, indices: [Int], limit: LengthBucketSampler.Limit, seed: UInt64,
        maxLength: Int, share: SliceShare? = nil, threads: Int
    ) {
        self.source = source
        self.share = share
        self.threads = threads
        self.indices = indices
        self.limit = limit
        self.seed = seed
        self.maxLength = maxLength
    }

    /// The lengths of all sequences, after the cut.
    private var lengths: [Int] { source.sequences.map { min($0.length, maxLength) } }

    private func sampler(at position: LengthBucketSampler.Position = .init()) -> LengthBucketSampler {
        LengthBucketSampler(lengths: lengths, indices: indices, limit: limit, seed: seed, position: position)
    }

    /// How many batches an epoch has: the same for all where sequences are counted, not where tokens are.
    func count(epoch: Int) -> Int {
        if case .sequences(let size) = limit { return (indices.count + size - 1) / size }
        if let known = counts[epoch] { return known }
        let count = sampler().batches(ofEpoch: epoch).count
        counts[epoch] = count
        return count
    }

    /// The number of the first epoch's batch that is the largest when it is padded.
    var largest: Int {
        let (lengths, sampler) = (lengths, sampler())
        let sizes = sampler.batches(ofEpoch: 0).map { batch in batch.count * (batch.map { lengths[$0] }.max() ?? 0) }
        return sizes.indices.max { sizes[$0] < sizes[$1] } ?? 0
    }

    /// The batch with a number in an epoch's order, or a slice of it. Asking for the next one is quick (of slices: in
    /// the order of `SlicedBatches`); any other starts the reading again.
    func batch(_ index: Int, epoch: Int, slice: BatchSlice? = nil) throws -> [FeatureSequence] {
        precondition(slice?.count == share?.count, "slice \(String(describing: slice)) of \(String(describing: share))")
        let wanted = Turn(epoch: epoch, batch: index, slice: slice?.number)
        if turns.isEmpty { beginStep(at: following) }
        if prefetcher == nil || turns.last != wanted {
            let position = LengthBucketSampler.Position(epoch: epoch, batch: index)
            let sampler = sampler(at: position)
            let order: any BatchOrder =
                if let share {
                    SlicedBatches(
                        sampler, slices: share.slices, of: share.count, accumulation: share.accumulation)
                } else { sampler }
            prefetcher = Prefetcher(source, order, maxLength: maxLength, threads: threads)
            beginStep(at: position)
        }
        while let turn = turns.popLast(), let batch = try prefetcher?.next() {
            // A step that is begun in its middle passes over the slices before.
            if turn == wanted { return batch.sequences }
        }
        preconditionFailure("\(wanted) is none of \(String(describing: share))")
    }

    private func beginStep(at position: LengthBucketSampler.Position) {
        let last = count(epoch: position.epoch)
        let end = min(position.batch + (share?.accumulation ?? 1), last)
        let slices: [Int?] = share.map { Array($0.slices) } ?? [nil]
        turns = slices.flatMap { slice in
            (position.batch..<end).map { Turn(epoch: position.epoch, batch: $0, slice: slice) }
        }.reversed()
        following = end == last ? .init(epoch: position.epoch + 1) : .init(epoch: position.epoch, batch: end)
    }
}
