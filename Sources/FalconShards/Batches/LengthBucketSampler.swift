import FalconTensor

/// Batches of sequences of similar length, so that little of a batch is padding; each sequence once an epoch.
///
/// An epoch's order is a fixed function of the seed and the epoch: all sequences are shuffled, cut into windows,
/// sorted by length within each window, cut into batches, and the batches are shuffled. So the whole state is the
/// epoch and the number of batches taken from it.
package struct LengthBucketSampler: Sendable {
    /// How large a batch may be.
    package enum Limit: Sendable, Equatable {
        /// So many sequences; the last batch of an epoch may have fewer.
        case sequences(Int)
        /// So many tokens, counted with padding: the longest length times the number of sequences. A longer sequence
        /// is a batch by itself.
        case paddedTokens(Int)
    }

    /// Where a sampler stands; what a checkpoint keeps of it.
    package struct Position: Sendable, Equatable, Codable {
        package var epoch: Int
        /// Batches of the epoch that were taken.
        package var batch: Int

        package init(epoch: Int = 0, batch: Int = 0) { (self.epoch, self.batch) = (epoch, batch) }
    }

    /// Sequences of a window: enough to find alike lengths in, few enough that batches differ from epoch to epoch.
    private static let windowBatches = 32

    private let sequences: [(index: Int, length: Int)]
    private let limit: Limit
    private let random: RandomSource
    private var order: [[Int]]
    /// The next batch to be taken.
    package private(set) var position: Position

    /// - Parameters:
    ///   - lengths: the length of each sequence of a store.
    ///   - indices: the sequences to take; all where it is left out. One at least.
    ///   - limit: how large a batch may be.
    ///   - seed: decides every order.
    ///   - position: where to go on.
    package init(
        lengths: [Int], indices: [Int]? = nil, limit: Limit, seed: UInt64, position: Position = Position()
    ) {
        sequences = (indices ?? Array(lengths.indices)).map { ($0, lengths[$0]) }
        precondition(!sequences.isEmpty, "there is nothing to make batches of")
        switch limit {
        case .sequences(let count), .paddedTokens(let count): precondition(count > 0, "a batch of at most \(count)")
        }
        self.limit = limit
        random = RandomSource(seed: seed).stream("batches")
        self.position = position
        order = []
        order = batches(ofEpoch: position.epoch)
        precondition((0...order.count).contains(position.batch), "batch \(position.batch) of \(order.count)")
    }

    /// How many batches the present epoch has. With a limit of sequences it is the same for every epoch.
    package var batchesPerEpoch: Int { order.count }

    /// The sequences of the next batch, going on to the next epoch where one ends.
    package mutating func next() -> [Int] {
        if position.batch == order.count {
            position = Position(epoch: position.epoch + 1)
            order = batches(ofEpoch: position.epoch)
        }
        position.batch += 1
        return order[position.batch - 1]
    }

    /// All batches of an epoch, in order.
    package func batches(ofEpoch epoch: Int) -> [[Int]] {
        var random = self.random.stream("epoch \(epoch)")
        let shuffled = sequences.shuffled(using: &random)
        var batches: [[Int]] = []
        let size = windowSize
        for start in stride(from: 0, to: shuffled.count, by: size) {
            let window = shuffled[start..<min(start + size, shuffled.count)]
            // Equal lengths stay in their shuffled order: Swift's sort is stable.
            cut(window.sorted { $0.length < $1.length }, into: &batches)
        }
        return batches.shuffled(using: &random)
    }

    /// A multiple of the batch size, so that windows add no batches that are not full.
    private var windowSize: Int {
        switch limit {
        case .sequences(let count): return count * LengthBucketSampler.windowBatches
        case .paddedTokens(let tokens):
            let average = max(1, sequences.reduce(0) { $0 + $1.length } / sequences.count)
            return max(1, tokens / average) * LengthBucketSampler.windowBatches
        }
    }

    private func cut(_ sorted: [(index: Int, length: Int)], into batches: inout [[Int]]) {
        var batch: [Int] = []
        for sequence in sorted {
            let isFull: Bool
            switch limit {
            case .sequences(let count): isFull = batch.count == count
            // Ascending lengths: the newcomer is the longest, and all are padded to it.
            case .paddedTokens(let tokens): isFull = (batch.count + 1) * sequence.length > tokens
            }
            if isFull && !batch.isEmpty {
                batches.append(batch)
                batch = []
            }
            batch.append(sequence.index)
        }
        if !batch.isEmpty { batches.append(batch) }
    }
}
