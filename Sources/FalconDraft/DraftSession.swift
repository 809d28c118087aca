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
    /// The token behind the newest position.
    private var newestToken: Int32 = 0
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
        /// What it predicts, `[k, hidden]`; of a head with a correction the first row is corrected, for its token is
        /// known.
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
        let phases = head.layers.count == 1 || alignment == .start || head.offsets != nil ? 1 : head.blockSize
        let slots = capacity + branchRows
        let first = head.layers[0].makeCache(capacity: slots)
        caches = (0..<phases).map { _ in
            [first] + head.layers.dropFirst().map { $0.makeCache(capacity: slots) }
        }
        computed = [Int](repeating: 0, count: phases)
    }

    /// What is to be added to a session.
    package typealias Committed = (session: DraftSession, features: Tensor, nextTokens: [Int32])

    /// Adds committed positions: the target's features and, for each, the token that follows it.
    ///
    /// - Parameters:
    ///   - features: `[new, hidden]`, and beside them the states of the layers that the head reads
    ///     (`AuxiliaryLayers`): `[new, (1 + layers) * hidden]`.
    ///   - nextTokens: `new` tokens; the last one is the newest of all, which the target has not seen yet.
    package func extend(features: Tensor, nextTokens: [Int32], on pool: ThreadPool) {
        DraftSession.extend([(self, features, nextTokens)], on: pool)
    }

    /// The same for several sessions of one head, in one pass over their rows.
    package static func extend(_ all: [Committed], on pool: ThreadPool) {
        let parts = all.filter { !$0.nextTokens.isEmpty }
        guard let head = parts.first?.session.head else { return }
        let given = parts.count == 1 ? parts[0].features : .stacked(parts.map(\.features))
        let hidden = head.configuration.model.hiddenSize
        precondition(
            given.width == (1 + head.configuration.auxiliaryLayers.count) * hidden,
            "features of shape \(given.shape) for a head that reads the layers \(head.configuration.auxiliaryLayers)")
        let inputs = head.inputs(
            features: AuxiliaryLayers.features(of: given, hidden: hidden),
            nextTokens: parts.count == 1 ? parts[0].nextTokens : parts.flatMap(\.nextTokens))
        let (rows, states) = head.fusion.fuse(
            inputs, states: AuxiliaryLayers.states(of: given, hidden: hidden), steps: parts.map(\.nextTokens.count),
            from: .joined(parts.map(\.session.state)), on: pool)
        var row = 0
        for (index, (session, _, nextTokens)) in parts.enumerated() {
            let own = parts.count == 1 ? rows : rows.rows(row..<row + nextTokens.count)
            row += nextTokens.count
            session.blocks = []
            session.fused = session.fused.rowCount == 0 ? own : Tensor.stacked([session.fused, own])
            session.state = parts.count == 1 ? states : states.branches([index])
            session.positionCount += nextTokens.count
            session.newestToken = nextTokens[nextTokens.count - 1]
        }
    }

    /// The features of the next k positions as the head predicts them from the last k, `[k, hidden]`: block 0 of a
    /// tree. `nil` while there are fewer than k positions.
    package func firstBlock(on pool: ThreadPool) -> Tensor? {
        guard positionCount >= head.blockSize else { return nil }
        return DraftSession.firstBlocks([self], on: pool)
    }

    /// The same of several sessions of one head, each of which has k positions or more: `[sessions * k, hidden]`.
    package static func firstBlocks(_ sessions: [DraftSession], on pool: ThreadPool) -> Tensor {
        precondition(!sessions.isEmpty, "first blocks of no session")
        let (head, size) = (sessions[0].head, sessions[0].head.blockSize)
        guard head.offsets == nil else { return newestPairBlocks(sessions, on: pool) }
        let rows = sessions.map(\.nextRows)
        let angles = head.rotary.angles(at: rows.flatMap { Array($0.positions) })
        let starts = zip(sessions, rows).map { session, rows in
            session.fused.rows(
                rows.positions.lowerBound - session.fusedStart..<session.positionCount - session.fusedStart)
        }
        var x = sessions.count == 1 ? starts[0] : .stacked(starts)
        for (index, layer) in head.layers.enumerated() {
            let sequences = zip(sessions, rows).map { session, rows in
                AttentionCache.SequenceRows(
                    cache: session.caches[rows.phase][index], slot: rows.positions.lowerBound, visible: rows.visible)
            }
            // Of the last layer's output only the newest block is wanted; older rows leave keys and values there.
            x =
                index < head.layers.count - 1
                ? layer.forward(x, angles: angles, sequences: sequences, on: pool)
                : layer.forward(x, angles: angles, sequences: sequences, last: size, on: pool)
        }
        x = head.correctingFirstRows(x, tokens: sessions.map(\.newestToken), on: pool)
        for (index, (session, rows)) in zip(sessions, rows).enumerated() {
            session.computed[rows.phase] = session.positionCount
            session.forgetFused()
            let own = sessions.count == 1 ? x : x.rows(index * size..<(index + 1) * size)
            session.blocks = [Block(generation: 0, slots: [], features: own, state: session.state)]
        }
        return x
    }

    /// The rows that the caches lack, and at least the newest block: its older rows now see newer ones.
    private var nextRows: (positions: Range<Int>, phase: Int, visible: [AttentionCache.Visible]) {
        let (end, size) = (positionCount, head.blockSize)
        precondition(end >= size, "\(end) positions before a block of \(size)")
        let phase = caches.count == 1 ? 0 : end % size
        let first = min(computed[phase], end - size)
        let visible = (first..<end).map { position in
            let blockEnd =
                alignment == .newest
                ? end - (end - 1 - position) / size * size : first + ((position - first) / size + 1) * size
            return AttentionCache.Visible(prefix: min(blockEnd, end))
        }
        return (first..<end, phase, visible)
    }

    /// Lets go of fused inputs that no later pass reads.
    private func forgetFused() {
        let kept = positionCount - head.blockSize
        guard caches.count == 1, kept > fusedStart else { return }
        fused = fused.rows(kept - fusedStart..<positionCount - fusedStart)
        fusedStart = kept
    }

    /// Blocks that a tree continues: for each the number of the one before it (0 is the first block; those of each
    /// call are numbered on), and the k tokens chosen for it.
    package typealias Continuation = (parent: Int, tokens: [Int32])

    /// Continues blocks of the current tree by k tokens each.
    ///
    /// - Returns: the features that each new block predicts, `[blocks * k, hidden]`.
    package func expand(_ continuations: [Continuation], on pool: ThreadPool) -> Tensor {
        DraftSession.expand([(self, continuations)], on: pool)
    }

    /// The same for the trees of several sessions of one head, one session's blocks behind the other's.
    package static func expand(
        _ parts: [(session: DraftSession, continuations: [Continuation])], on pool: ThreadPool
    ) -> Tensor {
        precondition(!parts.isEmpty && parts.allSatisfy { !$0.session.blocks.isEmpty }, "a tree before its first block")
        let (head, size) = (parts[0].session.head, parts[0].session.head.blockSize)
        let parents = parts.flatMap { session, continuations in continuations.map { session.blocks[$0.parent] } }
        let chosen = parts.flatMap { $0.continuations.map(\.tokens) }
        let inputs = head.inputs(
            features: head.correctingLaterRows(Tensor.stacked(parents.map(\.features)), chosen, on: pool),
            nextTokens: chosen.flatMap { $0 })
        let (rows, states) = head.fusion.fuse(
            inputs, steps: [Int](repeating: size, count: parents.count), from: .joined(parents.map(\.state)), on: pool)

        var positions: [Int] = []
        var masks: [[AttentionCache.Visible]] = []
        var next = 0
        for (session, continuations) in parts {
            let slot = session.nextSlot
            var visible: [AttentionCache.Visible] = []
            for (index, parent) in parents[next..<next + continuations.count].enumerated() {
                let own = (0..<size).map { Int32(slot + index * size + $0) }
                let mask = AttentionCache.Visible(prefix: session.positionCount, extra: parent.slots + own)
                positions += (0..<size).map { session.positionCount + parent.generation * size + $0 }
                visible += [AttentionCache.Visible](repeating: mask, count: size)
            }
            masks.append(visible)
            next += continuations.count
        }
        let x = head.correctingFirstRows(
            through(parts.map(\.session), rows, positions: positions, masks: masks, on: pool),
            tokens: chosen.map { $0[size - 1] }, on: pool)
        next = 0
        for (part, visible) in zip(parts, masks) {
            for index in part.continuations.indices {
                part.session.blocks.append(
                    Block(
                        generation: parents[next].generation + 1, slots: visible[index * size].extra,
                        features: x.rows(next * size..<(next + 1) * size), state: states.branches([next])))
                next += 1
            }
        }
        return x
    }

    /// The features of new blocks from their fused inputs.
    ///
    /// - Parameters:
    ///   - positions: of all rows.
    ///   - masks: what each of a session's rows sees.
    private static func through(
        _ sessions: [DraftSession], _ fused: Tensor, positions: [Int], masks: [[AttentionCache.Visible]],
        on pool: ThreadPool
    ) -> Tensor {
        let (head, size) = (sessions[0].head, sessions[0].head.blockSize)
        let angles = head.rotary.angles(at: positions)
        func sequences(_ layer: Int) -> [AttentionCache.SequenceRows] {
            zip(sessions, masks).map { session, visible in
                AttentionCache.SequenceRows(
                    cache: session.branchCaches[layer], slot: session.nextSlot, visible: visible)
            }
        }
        guard let offsets = head.offsets else {
            return head.layers.enumerated().reduce(fused) { x, layer in
                layer.element.forward(x, angles: angles, sequences: sequences(layer.offset), on: pool)
            }
        }
        let newest = stride(from: size - 1, to: fused.rowCount, by: size).map { $0 }
        let queryAngles = head.rotary.angles(at: newest.flatMap { row in (0..<size).map { positions[row] + $0 } })
        return head.layers.enumerated().reduce(NewestPair.rows(of: fused.rows(newest), offsets: offsets)) { x, layer in
            let rows = sequences(layer.offset)
            return layer.element.forward(
                x, angles: queryAngles, seeing: rows, context: fused, contextAngles: angles, in: rows, on: pool)
        }
    }

    /// The first blocks of a head whose rows all start from the newest position.
    private static func newestPairBlocks(_ sessions: [DraftSession], on pool: ThreadPool) -> Tensor {
        let (head, size) = (sessions[0].head, sessions[0].head.blockSize)
        guard let offsets = head.offsets else { preconditionFailure("a head without offset vectors") }
        // Keys and values are of the positions alone: those that the caches hold stay as they are.
        let contexts = sessions.map { session in
            session.fused.rows(session.computed[0] - session.fusedStart..<session.positionCount - session.fusedStart)
        }
        let context = sessions.count == 1 ? contexts[0] : Tensor.stacked(contexts)
        let contextAngles = head.rotary.angles(at: sessions.flatMap { Array($0.computed[0]..<$0.positionCount) })
        let angles = head.rotary.angles(
            at: sessions.flatMap { session in (0..<size).map { session.positionCount - 1 + $0 } })
        let newest = Tensor.stacked(
            sessions.map { $0.fused.rows($0.fused.rowCount - 1..<$0.fused.rowCount) })
        var x = NewestPair.rows(of: newest, offsets: offsets)
        for (index, layer) in head.layers.enumerated() {
            x = layer.forward(
                x, angles: angles,
                seeing: sessions.map { session in
                    let all = AttentionCache.Visible(prefix: session.positionCount)
                    return AttentionCache.SequenceRows(
                        cache: session.caches[0][index], slot: session.positionCount - size,
                        visible: [AttentionCache.Visible](repeating: all, count: size))
                },
                context: context, contextAngles: contextAngles,
                in: sessions.map { session in
                    AttentionCache.SequenceRows(
                        cache: session.caches[0][index], slot: session.computed[0],
                        count: session.positionCount - session.computed[0])
                }, on: pool)
        }
        x = head.correctingFirstRows(x, tokens: sessions.map(\.newestToken), on: pool)
        for (index, session) in sessions.enumerated() {
            session.computed[0] = session.positionCount
            session.forgetFused()
            let own = sessions.count == 1 ? x : x.rows(index * size..<(index + 1) * size)
            session.blocks = [Block(generation: 0, slots: [], features: own, state: session.state)]
        }
        return x
    }

    /// Where the next blocks of the tree go.
    private var nextSlot: Int { positionCount + (blocks.count - 1) * head.blockSize }

    private var branchCaches: [AttentionCache] { caches[caches.count == 1 ? 0 : positionCount % head.blockSize] }
}
