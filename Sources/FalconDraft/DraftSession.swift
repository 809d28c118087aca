import FalconModels
import FalconTensor

/// A draft head at work on one sequence: what it knows of the committed positions, and the blocks of the tree that
/// it is drafting.
///
///     slots   0 ..< positionCount        | k slots for each expanded block  | free
///             keys/values of the         | block 1 | block 2 | ...          |
///             committed positions        |  each sees the committed positions, its ancestors and itself
///
/// `extend` adds committed positions, `firstBlock` predicts the next k features, and `expand` continues blocks with
/// the tokens that the tree puts on them. The next `extend` drops all branches: their keys, values and recurrent
/// states never touch those of the sequence, so a rejection needs no undoing.
package final class DraftSession {
    /// Where the blocks of the relaxed causal mask start.
    package enum Alignment: Sendable {
        /// The last block ends at the newest position, as in training: each of its rows sees the newest token.
        case newest
        /// At the first position of each call, as in the authors' code, where the newest position may be in a block
        /// of its own. Only to reproduce their figures.
        case start
    }

    package let head: DraftHead
    package let alignment: Alignment
    /// Committed positions so far.
    package private(set) var positionCount = 0

    /// Fused inputs of the positions from `fusedStart` on.
    private var fused: Tensor
    private var fusedStart = 0
    /// The recurrence after the newest position.
    private var state: PackedFusion.State
    /// For each phase and layer: keys and values. Layer 0 is the same for all phases.
    private let caches: [[AttentionCache]]
    /// For each phase: how many positions its caches hold.
    private var computed: [Int]
    private var blocks: [Block] = []

    /// A block of the tree that is being drafted; the first continues the committed positions.
    private struct Block {
        /// Blocks between this one and the committed positions.
        let generation: Int
        /// The slots that it and its ancestors take.
        let slots: [Int32]
        /// What it predicts, `[k, hidden]`.
        let features: Tensor
        let state: PackedFusion.State
    }

    /// - Parameters:
    ///   - capacity: the most positions of the sequence.
    ///   - branchRows: the most rows that one tree expands: k times its blocks behind the first pass.
    package init(head: DraftHead, capacity: Int, branchRows: Int, alignment: Alignment = .newest) {
        self.head = head
        self.alignment = alignment
        fused = Tensor(zeros: [0, head.configuration.model.hiddenSize])
        state = head.fusion.initialState
        // With one layer, keys and values do not depend on where blocks start. With more, a layer's input does, and
        // where the blocks start shifts with the newest position: each of the k phases has its own deeper caches.
        let phases = head.layers.count == 1 || alignment == .start ? 1 : head.blockSize
        let slots = capacity + branchRows
        let first = head.layers[0].makeCache(capacity: slots)
        caches = (0..<phases).map { _ in
            [first] + head.layers.dropFirst().map { $0.makeCache(capacity: slots) }
        }
        computed = [Int](repeating: 0, count: phases)
    }

    /// Adds committed positions: the target's features and, for each, the token that follows it.
    ///
    /// - Parameters:
    ///   - features: `[new, hidden]`.
    ///   - nextTokens: `new` tokens; the last one is the newest of all, which the target has not seen yet.
    package func extend(features: Tensor, nextTokens: [Int32], on pool: ThreadPool) {
        guard !nextTokens.isEmpty else { return }
        blocks = []
        let inputs = head.inputs(features: features, nextTokens: nextTokens)
        let (rows, newState) = head.fusion.fuse(inputs, branches: 1, from: state, on: pool)
        fused = fused.rowCount == 0 ? rows : Tensor.stacked([fused, rows])
        state = newState
        positionCount += nextTokens.count
    }

    /// The features of the next k positions as the head predicts them from the last k, `[k, hidden]`: block 0 of a
    /// tree. `nil` while there are fewer than k positions.
    package func firstBlock(on pool: ThreadPool) -> Tensor? {
        let (end, size) = (positionCount, head.blockSize)
        guard end >= size else { return nil }
        let phase = caches.count == 1 ? 0 : end % size
        // Rows that the caches lack, and at least the newest block: its older rows now see newer ones.
        let first = min(computed[phase], end - size)
        let visible = (first..<end).map { position in
            let blockEnd =
                alignment == .newest
                ? end - (end - 1 - position) / size * size : first + ((position - first) / size + 1) * size
            return AttentionCache.Visible(prefix: min(blockEnd, end))
        }

        var x = fused.rows(first - fusedStart..<end - fusedStart)
        let angles = head.rotary.angles(at: Array(first..<end))
        for (layer, cache) in zip(head.layers.dropLast(), caches[phase]) {
            x = layer.forward(x, angles: angles, cache: cache, slot: first, visible: visible, on: pool)
        }
        // Of the last layer's output only the newest block is wanted; older rows leave keys and values there.
        let (last, cache) = (head.layers[head.layers.count - 1], caches[phase][head.layers.count - 1])
        let older = end - size - first
        if older > 0 {
            last.store(
                x.rows(0..<older), angles: head.rotary.angles(at: Array(first..<end - size)),
                sequences: [.init(cache: cache, slot: first, count: older)], on: pool)
        }
        let features = last.forward(
            x.rows(older..<older + size), angles: head.rotary.angles(at: Array(end - size..<end)), cache: cache,
            slot: end - size, visible: Array(visible.suffix(size)), on: pool)

        computed[phase] = end
        if caches.count == 1, end - size > fusedStart {
            fused = fused.rows(end - size - fusedStart..<end - fusedStart)
            fusedStart = end - size
        }
        blocks = [Block(generation: 0, slots: [], features: features, state: state)]
        return features
    }

    /// Continues blocks of the current tree by k tokens each.
    ///
    /// - Parameter continuations: for each new block the number of the block that it continues (0 is the first
    ///   block; those of each call are numbered on) and the k tokens chosen for it.
    /// - Returns: the features that each new block predicts, `[blocks * k, hidden]`.
    package func expand(_ continuations: [(parent: Int, tokens: [Int32])], on pool: ThreadPool) -> Tensor {
        precondition(!blocks.isEmpty, "expanding a tree before its first block")
        let size = head.blockSize
        let parents = continuations.map { blocks[$0.parent] }
        let inputs = head.inputs(
            features: Tensor.stacked(parents.map(\.features)), nextTokens: continuations.flatMap(\.tokens))
        let (rows, states) = head.fusion.fuse(
            inputs, branches: continuations.count, from: .joined(parents.map(\.state)), on: pool)

        let slot = positionCount + (blocks.count - 1) * size
        var positions: [Int] = []
        var visible: [AttentionCache.Visible] = []
        for (index, parent) in parents.enumerated() {
            let own = (0..<size).map { Int32(slot + index * size + $0) }
            let mask = AttentionCache.Visible(prefix: positionCount, extra: parent.slots + own)
            positions += (0..<size).map { positionCount + parent.generation * size + $0 }
            visible += [AttentionCache.Visible](repeating: mask, count: size)
        }
        let angles = head.rotary.angles(at: positions)
        var x = rows
        for (layer, cache) in zip(head.layers, caches[caches.count == 1 ? 0 : positionCount % size]) {
            x = layer.forward(x, angles: angles, cache: cache, slot: slot, visible: visible, on: pool)
        }
        for (index, parent) in parents.enumerated() {
            blocks.append(
                Block(
                    generation: parent.generation + 1, slots: visible[index * size].extra,
                    features: x.rows(index * size..<(index + 1) * size), state: states.branches([index])))
        }
        return x
    }
}
