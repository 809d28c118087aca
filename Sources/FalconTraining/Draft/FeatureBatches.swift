import FalconShards

/// Gives the training batches of a source of features in order, reading or making them ahead on threads of its own.
final class FeatureBatches {
    private let source: any FeatureSequences
    private let indices: [Int]
    private let limit: LengthBucketSampler.Limit
    private let seed: UInt64
    private let maxLength: Int
    private let threads: Int
    /// Batches of an epoch: with a limit of sequences, the same for all.
    let count: Int
    private var prefetcher: Prefetcher?
    /// Where the prefetcher stands.
    private var position = LengthBucketSampler.Position()

    /// - Parameters:
    ///   - indices: the source's sequences to take, at least one.
    ///   - batchSize: sequences of a batch; the last of an epoch may have fewer.
    ///   - threads: how many get batches ready, beside those that compute.
    init(
        _ source: any FeatureSequences, indices: [Int], batchSize: Int, seed: UInt64, maxLength: Int, threads: Int
    ) {
        self.source = source
        self.threads = threads
        self.indices = indices
        self.limit = .sequences(batchSize)
        self.seed = seed
        self.maxLength = maxLength
        count = (indices.count + batchSize - 1) / batchSize
    }

    /// The number of the first epoch's batch that is the largest when it is padded.
    var largest: Int {
        let lengths = source.sequences.map { min($0.length, maxLength) }
        let sampler = LengthBucketSampler(lengths: lengths, indices: indices, limit: limit, seed: seed)
        let sizes = sampler.batches(ofEpoch: 0).map { batch in batch.count * (batch.map { lengths[$0] }.max() ?? 0) }
        return sizes.indices.max { sizes[$0] < sizes[$1] } ?? 0
    }

    /// The batch with a number in an epoch's order. Asking for the one after the last is quick; any other starts the
    /// reading anew.
    func batch(_ index: Int, epoch: Int) throws -> [FeatureSequence] {
        let wanted = LengthBucketSampler.Position(epoch: epoch, batch: index)
        if prefetcher == nil || position != wanted {
            let sampler = LengthBucketSampler(
                lengths: source.sequences.map { min($0.length, maxLength) }, indices: indices, limit: limit, seed: seed,
                position: wanted)
            prefetcher = Prefetcher(source, sampler, maxLength: maxLength, threads: threads)
        }
        guard let batch = try prefetcher?.next() else { return [] }
        position = index + 1 == count ? .init(epoch: epoch + 1) : .init(epoch: epoch, batch: index + 1)
        return batch.sequences
    }
}
