import FalconDigest
import FalconTensor

/// Numbered sequences with the target's features, wherever they come from: read from shards, or made when they are
/// asked for. Safe to use from several threads.
package protocol FeatureSequences: Sendable {
    /// The folder or file that they come from, to name in errors.
    var path: String { get }
    /// Whose features they are, and how exact.
    var description: ShardDescription { get }
    /// The name and the number of tokens of each sequence.
    var sequences: [(id: String, length: Int)] { get }
    /// What decides the sequences, for a checkpoint: a word for it and its digest.
    var fingerprint: (name: String, digest: String) { get }

    /// The loss mask of one whole sequence: 1 on the assistant's tokens. Reads or makes no features.
    ///
    /// - Parameter index: within `0..<sequences.count`; traps otherwise.
    func lossMask(_ index: Int) throws -> [UInt8]

    /// The tokens of one whole sequence, and what the target says behind each of them as far as that is stored. Reads
    /// or makes no features.
    ///
    /// - Parameter index: within `0..<sequences.count`; traps otherwise.
    func text(_ index: Int) throws -> (tokens: [Int32], statistics: TeacherStatistics?)

    /// Some sequences, in the order in which they are asked for. Features may have values that are not finite: training
    /// leaves such a sequence out or ends, as its recipe says.
    ///
    /// - Parameters:
    ///   - indices: within `0..<sequences.count`; traps otherwise.
    ///   - limit: no more than so many of a sequence's first tokens.
    ///   - pool: shares the work; it does one job at a time.
    func batch(_ indices: [Int], limit: Int?, on pool: ThreadPool) throws -> [FeatureSequence]
}

extension FeatureSequences {
    /// The same for who has no recipe to ask.
    ///
    /// - Throws: `FileError` for the first sequence with a feature that is not finite.
    package func finiteBatch(_ indices: [Int], limit: Int?, on pool: ThreadPool) throws -> [FeatureSequence] {
        let sequences = try batch(indices, limit: limit, on: pool)
        for sequence in sequences {
            guard let token = sequence.firstTokenNotFinite else { continue }
            throw FileError(path, "\(sequence.id), token \(token): has a feature that is not finite")
        }
        return sequences
    }

    /// Sequences for training and for validation, told apart by their names alone: a conversation stays on its side
    /// when the folder grows or is made again in another order.
    ///
    /// - Parameter fraction: about how much of the sequences validates, in 0..<1.
    package func split(validationFraction fraction: Double) -> (training: [Int], validation: [Int]) {
        precondition((0..<1).contains(fraction), "a share of \(fraction) cannot be held back")
        var (training, validation): ([Int], [Int]) = ([], [])
        for (index, sequence) in sequences.enumerated() {
            let digits = SHA256Digest.hexadecimal(of: Array(sequence.id.utf8)).prefix(8)
            let place = Double(UInt32(digits, radix: 16) ?? 0) * 0x1p-32
            if place < fraction { validation.append(index) } else { training.append(index) }
        }
        return (training, validation)
    }

    /// Refuses features of another target or tokenizer than the ones in use.
    ///
    /// - Throws: `FileError` that says which of the two differs.
    package func requireFingerprints(target: String, tokenizer: String) throws {
        func require(_ what: String, _ stored: String, _ actual: String) throws {
            guard stored == actual else {
                throw FileError(
                    path,
                    "its features were made with another \(what): fingerprint \(stored.prefix(12)), but this "
                        + "\(what) has \(actual.prefix(12)); make them again with falcon-gen-data")
            }
        }
        try require("target", description.targetFingerprint, target)
        try require("tokenizer", description.tokenizerFingerprint, tokenizer)
    }
}
