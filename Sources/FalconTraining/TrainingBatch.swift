import FalconDraft
import FalconShards
import FalconTensor

/// A few sequences, padded to one length, with what each position is fed and what it is asked for.
///
///     position i is fed       f_i      and t_{i+1}        (EAGLE's shift: the token one step ahead)
///               is asked for  f_{i+k}  and t_{i+k+1}      (k tokens further)
///
/// Past the end of a sequence everything is 0 and nothing counts.
package struct TrainingBatch: Sendable {
    /// The sequences' names, to say which one was to blame.
    package let ids: [String]
    /// Tokens of each sequence, after the cut.
    package let lengths: [Int]
    /// k.
    package let blockSize: Int
    /// f_i: `[batch, time, hidden]`.
    package var features: Tensor
    /// s_i, states of the target's lower layers: `[batch, time, layers * hidden]`; `nil` for heads that read none.
    package var states: Tensor?
    /// The same before any were taken away or changed places.
    private let storedStates: Tensor?
    /// t_{i+1}: `[batch][time]`.
    package var nextTokens: [[Int32]]
    /// t_{i+k}, the token at the position that is asked for: `[batch][time]`.
    package let ownTokens: [[Int32]]
    /// f_{i+k}: `[batch, time, hidden]`.
    package let targetFeatures: Tensor
    /// t_{i+k+1}: `[batch][time]`.
    package let targetTokens: [[Int32]]
    /// Whether a position counts in the loss: `[batch][time]`.
    package let counting: [[Bool]]
    /// What the target says behind each token, by sequence; empty where its features must say it.
    private let statistics: [TeacherStatistics]

    /// Lays sequences out as a batch.
    ///
    /// - Parameters:
    ///   - sequences: `features` is `[tokens, hidden]`, `lossMask` is 1 on the assistant's tokens.
    ///   - maxLength: longer sequences are cut first.
    ///   - needsTargetToken: positions without a t_{i+k+1} do not count, as when the text gives the hard label.
    ///   - layers: whose states the head reads; the sequences have them.
    package init(
        _ sequences: [FeatureSequence], blockSize k: Int, maskShift: MaskShift, maxLength: Int,
        needsTargetToken: Bool = false, layers: [Int] = []
    ) {
        precondition(!sequences.isEmpty && k > 0, "a batch of \(sequences.count) sequences, block size \(k)")
        ids = sequences.map(\.id)
        let lengths = sequences.map { min($0.tokens.count, maxLength) }
        self.lengths = lengths
        blockSize = k
        let known = sequences.compactMap(\.statistics)
        statistics = known.count == sequences.count ? known : []
        let (time, hidden) = (lengths.max() ?? 0, sequences[0].features.width)
        var fed: [Float] = []
        var asked: [Float] = []
        fed.reserveCapacity(sequences.count * time * hidden)
        asked.reserveCapacity(sequences.count * time * hidden)
        for (sequence, length) in zip(sequences, lengths) {
            precondition(
                sequence.features.width == hidden,
                "features of width \(sequence.features.width) beside others of width \(hidden)")
            let features = sequence.features.scalars
            fed.append(contentsOf: features.prefix(length * hidden))
            fed.append(contentsOf: repeatElement(0, count: (time - length) * hidden))
            let first = min(k, length)
            asked.append(contentsOf: features[first * hidden..<length * hidden])
            asked.append(contentsOf: repeatElement(0, count: (time - (length - first)) * hidden))
        }
        features = Tensor(fed, [sequences.count, time, hidden])
        targetFeatures = Tensor(asked, [sequences.count, time, hidden])

        storedStates =
            layers.isEmpty
            ? nil : TrainingBatch.states(zip(sequences, lengths).map { $0.states(of: layers).rows(0..<$1) }, time: time)
        states = storedStates

        func shifted(by shift: Int) -> [[Int32]] {
            zip(sequences, lengths).map { sequence, length in
                (0..<time).map { $0 + shift < length ? sequence.tokens[$0 + shift] : 0 }
            }
        }
        nextTokens = shifted(by: 1)
        ownTokens = shifted(by: k)
        targetTokens = shifted(by: k + 1)
        counting = zip(sequences, lengths).map { sequence, length in
            let counting = maskShift.counting(
                lossMask: Array(sequence.lossMask.prefix(length)), blockSize: k, needsTargetToken: needsTargetToken)
            return counting + [Bool](repeating: false, count: time - length)
        }
    }

    /// States of sequences of different lengths, padded to one.
    private static func states(_ parts: [Tensor], time: Int) -> Tensor {
        let width = parts[0].width
        var values: [Float] = []
        values.reserveCapacity(parts.count * time * width)
        for part in parts {
            values += part.scalars
            values.append(contentsOf: repeatElement(0, count: (time - part.rowCount) * width))
        }
        return Tensor(values, [parts.count, time, width])
    }

    /// A batch of rows that are laid out already, all of one length; every position counts.
    init(features: Tensor, nextTokens: [[Int32]], targetFeatures: Tensor, targetTokens: [[Int32]], blockSize: Int = 2) {
        let (rows, time) = (features.shape[0], features.shape[1])
        ids = (0..<rows).map { "\($0)" }
        lengths = [Int](repeating: time, count: rows)
        self.blockSize = blockSize
        self.features = features
        (states, storedStates) = (nil, nil)
        self.nextTokens = nextTokens
        ownTokens = BlockCorrection.ownTokens(nextTokens, blockSize: blockSize)
        self.targetFeatures = targetFeatures
        self.targetTokens = targetTokens
        statistics = []
        counting = [[Bool]](repeating: [Bool](repeating: true, count: time), count: rows)
    }

    /// Positions of the longest sequence.
    package var time: Int { features.shape[1] }

    /// Adds noise to the features that are fed, never to those that are asked for.
    package mutating func add(_ noise: FeatureNoise, random: inout RandomSource) {
        var rows = RowSources(shared: random)
        add(noise, random: &rows)
        random = rows[0]
    }

    /// The same with random numbers that may be each sequence's own.
    mutating func add(_ noise: FeatureNoise, random: inout RowSources) {
        guard noise.halfWidth > 0, noise.kind != .none else { return }
        let (time, hidden) = (self.time, features.width)
        var values = features.scalars
        for (row, length) in lengths.enumerated() {
            var source = random[row]
            noise.add(to: &values, first: row * time * hidden, count: length * hidden, length: length) {
                source.uniform()
            }
            random[row] = source
        }
        features = Tensor(values, features.shape)
    }

    /// Shows positions the truth that they are asked for: `f_i <- f_{i+k}` and `t_{i+1} <- t_{i+k+1}`, together, and
    /// with them the states that belong to the feature.
    package func glancing(_ plans: [GlancePlan]) -> TrainingBatch {
        precondition(plans.count == lengths.count, "\(plans.count) plans for \(lengths.count) sequences")
        guard plans.contains(where: { !$0.positions.isEmpty }) else { return self }
        var result = self
        let hidden = features.width
        var values = features.scalars
        let truth = targetFeatures.scalars
        for (row, plan) in plans.enumerated() {
            for position in plan.positions {
                let start = (row * time + position) * hidden
                values.replaceSubrange(start..<start + hidden, with: truth[start..<start + hidden])
                result.nextTokens[row][position] = targetTokens[row][position]
            }
        }
        result.features = Tensor(values, features.shape)
        if let states, let storedStates {
            let (width, stored) = (states.width, storedStates.scalars)
            var values = states.scalars
            for (row, plan) in plans.enumerated() {
                for position in plan.positions {
                    let (to, from) = ((row * time + position) * width, (row * time + position + blockSize) * width)
                    // Where nothing is stored that far ahead, nothing is asked for and nothing shown.
                    guard position + blockSize < time else { continue }
                    values.replaceSubrange(to..<to + width, with: stored[from..<from + width])
                }
            }
            result.states = Tensor(values, states.shape)
        }
        return result
    }

    /// What the target says k positions ahead of some rows of `[batch * time]`, all of which have a target.
    func teacherStatistics(at rows: [Int]) -> TeacherStatistics {
        .gather(rows.map { (statistics[$0 / time], $0 % time + blockSize) })
    }

    /// t_{i+k+1} of some rows of `[batch * time]`, for `hard_label = "data"`.
    func dataTokens(at rows: [Int]) -> [Int32] { rows.map { targetTokens[$0 / time][$0 % time] } }

    /// The positions that count, as rows of `[batch * time, hidden]`, ascending.
    package func countingRows(excluding plans: [GlancePlan] = []) -> [Int] {
        var rows: [Int] = []
        for (row, counting) in counting.enumerated() {
            let hidden = Set(row < plans.count ? plans[row].positions : [])
            for position in counting.indices where counting[position] && !hidden.contains(position) {
                rows.append(row * time + position)
            }
        }
        return rows
    }
}
