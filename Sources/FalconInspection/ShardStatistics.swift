import FalconShards
import FalconTensor
import Foundation

/// What the sequences and features of shards look like in numbers.
package struct ShardStatistics: Sendable, Encodable {
    /// Sequences of at least `from` and at most `through` tokens.
    package struct LengthBin: Sendable, Encodable, Equatable {
        package let from: Int
        package let through: Int
        package let sequences: Int
    }

    /// One dimension of the features over all tokens.
    package struct Dimension: Sendable, Encodable, Equatable {
        package let dimension: Int
        package let least: Float
        package let largest: Float
        /// Root of the mean square.
        package let magnitude: Float
    }

    package let path: String
    package let dtype: FeatureStorage
    package let sequences, tokens, lossTokens, bytes: Int
    /// The part of the tokens that count.
    package let supervisedShare: Double
    package let lengths: [LengthBin]
    package let bytesPerToken: Double
    /// Bytes before compression for each stored one.
    package let ratio: Double
    /// Every dimension, in order.
    package let dimensions: [Dimension]
    /// N of the stored teacher statistics; `nil` where there are none, as the next two.
    package let teacherEntries: Int?
    /// The mean probability of all tokens that the statistics name.
    package let teacherMass: Double?
    /// The part of the supervised tokens that are the target's own choice.
    package let textAgreement: Double?

    enum CodingKeys: String, CodingKey {
        case path, dtype, sequences, tokens, bytes, lengths, ratio, dimensions
        case teacherEntries = "teacher_entries", teacherMass = "teacher_mass", textAgreement = "text_agreement"
        case lossTokens = "loss_tokens", supervisedShare = "supervised_share", bytesPerToken = "bytes_per_token"
    }

    /// Reads every sequence.
    ///
    /// - Parameter path: a folder with `manifest.json`, or one shard, `*.h5`.
    /// - Throws: `FileError` or the reader's error.
    package init(path: String) throws {
        let source = try ShardSource(path: path)
        self.path = path
        (dtype, bytes, sequences) = (source.description.storage, source.bytes, source.sequences.count)
        let width = source.description.hiddenSize
        var least = [Float](repeating: .infinity, count: width)
        var largest = [Float](repeating: -.infinity, count: width)
        var squares = [Double](repeating: 0, count: width)
        var (tokens, lossTokens) = (0, 0)
        var (mass, agreed, compared) = (0.0, 0, 0)
        for index in source.sequences.indices {
            let sequence = try source.read(index)
            tokens += sequence.length
            lossTokens += sequence.lossMask.count { $0 == 1 }
            if let statistics = sequence.statistics {
                for row in 0..<sequence.length {
                    mass += statistics.mass(row)
                    guard row + 1 < sequence.length, sequence.lossMask[row + 1] == 1 else { continue }
                    compared += 1
                    if statistics.choice(row) == sequence.tokens[row + 1] { agreed += 1 }
                }
            }
            let values = sequence.features.scalars
            for row in 0..<sequence.length {
                for column in 0..<width {
                    let value = values[row * width + column]
                    least[column] = min(least[column], value)
                    largest[column] = max(largest[column], value)
                    squares[column] += Double(value * value)
                }
            }
        }
        (self.tokens, self.lossTokens) = (tokens, lossTokens)
        supervisedShare = Double(lossTokens) / Double(max(1, tokens))
        lengths = ShardStatistics.bins(source.sequences.map(\.length))
        bytesPerToken = Double(bytes) / Double(max(1, tokens))
        teacherEntries = source.description.teacherEntries
        teacherMass = teacherEntries.map { _ in mass / Double(max(1, tokens)) }
        textAgreement = teacherEntries.map { _ in Double(agreed) / Double(max(1, compared)) }
        ratio = Double(source.description.rawBytesPerToken * tokens) / Double(max(1, bytes))
        dimensions =
            tokens == 0
            ? []
            : (0..<width).map { column in
                Dimension(
                    dimension: column, least: least[column], largest: largest[column],
                    magnitude: Float((squares[column] / Double(tokens)).squareRoot()))
            }
    }

    /// Bins that double in width.
    static func bins(_ lengths: [Int]) -> [LengthBin] {
        var bins: [LengthBin] = []
        var from = 1
        while let longest = lengths.max(), from <= longest {
            let through = from * 2 - 1
            let count = lengths.count { (from...through).contains($0) }
            if count > 0 || !bins.isEmpty { bins.append(LengthBin(from: from, through: through, sequences: count)) }
            from = through + 1
        }
        // Other programs write sequences without tokens.
        let empty = lengths.count { $0 == 0 }
        return (empty > 0 ? [LengthBin(from: 0, through: 0, sequences: empty)] : []) + bins
    }

    /// The report for people.
    package var lines: [String] {
        func number(_ value: some BinaryFloatingPoint, _ decimals: Int) -> String {
            String(format: "%.\(decimals)f", Double(value))
        }
        var lines = FactTable.lines([
            ("stored as", "\(dtype.rawValue), \(dimensions.count) wide"),
            ("bytes", "\(bytes), \(number(bytesPerToken, 1)) per token, ratio \(number(ratio, 3))"),
            ("sequences", "\(sequences)"),
            ("tokens", "\(tokens), \(number(supervisedShare * 100, 1)) % supervised"),
        ])
        if let teacherEntries, let teacherMass, let textAgreement {
            lines.append(
                "statistics of \(teacherEntries) tokens with \(number(teacherMass * 100, 2)) % of the probability; "
                    + "\(number(textAgreement * 100, 1)) % of supervised tokens are the target's choice")
        }
        let most = max(1, lengths.map(\.sequences).max() ?? 1)
        lines.append("lengths")
        for bin in lengths {
            let range = "\(bin.from)-\(bin.through)"
            let bar = String(repeating: "#", count: (bin.sequences * 40 + most - 1) / most)
            lines.append("  " + range.padding(toLength: 12, withPad: " ", startingAt: 0) + "\(bin.sequences) \(bar)")
        }
        guard let least = dimensions.map(\.least).min(), let largest = dimensions.map(\.largest).max() else {
            return lines
        }
        let ordered = dimensions.sorted { $0.magnitude > $1.magnitude }
        let median = ordered[ordered.count / 2].magnitude
        lines.append(
            "features from \(number(least, 3)) to \(number(largest, 3)), median magnitude of a dimension "
                + number(median, 3))
        for dimension in ordered.prefix(5) {
            lines.append(
                "  dimension \(dimension.dimension): \(number(dimension.least, 3)) to "
                    + "\(number(dimension.largest, 3)), magnitude \(number(dimension.magnitude, 3))")
        }
        return lines
    }
}
