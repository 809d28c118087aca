import FalconShards

/// Gives the training batches of a source of features in order, reading or making them ahead on threads of its own.
final class FeatureBatches {
    private let source: any FeatureSequences
    private let indices: [Int]
    private let limit: LengthBucketSampler.Limit
    private let seed: UInt64
    private let maxLength: Int
    private let threads: Int
    /// The numbers of batches of the epochs that were asked for.
    private var counts: [Int: Int] = [:]
    private var prefetcher: Prefetcher?
    /// Where the prefetcher stands.
    private var position = LengthBucketSampler.Position()

    /// - Parameters:
    ///   - indices: the source's sequences to take, at least one.
    ///   - limit: how large a batch may be.
    ///   - threads: how many get batches ready, beside those that compute.
    init(
        _ source: any FeatureSequences, indices: [Int], limit: LengthBucketSampler.Limit, seed: UInt64,
        maxLength: Int, threads: Int
    ) {
        self.source = source
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

    /// The batch with a number in an epoch's order. Asking for the one after the last is quick; any other starts the
    /// reading again.
    func batch(_ index: Int, epoch: Int) throws -> [FeatureSequence] {
        let wanted = LengthBucketSampler.Position(epoch: epoch, batch: index)
        if prefetcher == nil || position != wanted {
            prefetcher = Prefetcher(source, sampler(at: wanted), maxLength: maxLength, threads: threads)
        }
        guard let batch = try prefetcher?.next() else { return [] }
        let isLast = index + 1 == count(epoch: epoch)
        position = isLast ? .init(epoch: epoch + 1) : .init(epoch: epoch, batch: index + 1)
        return batch.sequences
    }
}
