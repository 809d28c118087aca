import FalconTensor
import FalconWeights

/// One decoder layer for inference: attention with a cache, then a gated MLP, both with residuals, as the model's plan
/// has them.
///
/// Query, key and value projections are one packed matrix, gate and up projections another. Used by target models and
/// by the draft head; batch-invariant throughout.
package final class PackedDecoderLayer: Sendable {
    /// Which of the model's rotary configurations turns queries and keys.
    package let rotary: Int?
    private let model: ModelConfiguration
    private let layer: DecoderPlan.Layer
    private let inputNorm: Tensor?
    private let queryKeyValue: PackedMatrix
    private let queryKeyValueBias: Tensor?
    private let headNorm: AttentionCache.HeadNorm?
    /// Norms of all queries and of all keys of a row.
    private let wideNorm: (query: Tensor, key: Tensor)?
    private let output: PackedMatrix
    private let outputBias: Tensor?
    private let attentionOutputNorm: Tensor?
    private let feedForwardNorm: Tensor?
    private let gateUp: PackedMatrix
    private let gateUpBias: Tensor?
    private let down: PackedMatrix
    private let downBias: Tensor?
    private let feedForwardOutputNorm: Tensor?

    /// Packs the layer's weights, read by their Hugging Face names (`self_attn.q_proj.weight`, ...).
    ///
    /// - Parameters:
    ///   - model: sizes and plan; its own layers are not counted.
    ///   - layer: what is this layer's own.
    ///   - hasInputNorm: false for the draft head's first layer.
    /// - Throws: `FileError` where a tensor is missing or has another shape than the model says.
    package init(
        _ weights: LayerWeights, of model: ModelConfiguration, layer: DecoderPlan.Layer = DecoderPlan.Layer(),
        hasInputNorm: Bool = true, arithmetic: ProductArithmetic, on pool: ThreadPool
    ) throws {
        let plan = model.plan
        (self.model, self.layer, rotary) = (model, layer, layer.rotary)
        let (hidden, wide, size) = (model.hiddenSize, model.intermediateSize, model.headSize)
        let (query, keyValue) = (model.headCount * size, model.keyValueHeadCount * size)
        func norm(_ name: String?) throws -> Tensor? {
            try name.map { try weights.norm($0, count: hidden, offset: plan.normOffset) }
        }
        /// Projections of one input as one matrix, in the order given.
        func projections(_ parts: [(name: String, rows: Int)], hasBias: Bool) throws -> (PackedMatrix, Tensor?) {
            let matrices = try parts.map { name, rows in
                try weights.matrix(
                    name + ".weight", rows: rows, columns: hidden, rowOrder: PackedDecoderLayer.rowOrder(name, model))
            }
            let bias =
                try hasBias
                ? parts.flatMap { try weights.vector($0.name + ".bias", count: $0.rows).scalars } : nil
            return (
                PackedMatrix(matrices, arithmetic: arithmetic, on: pool), bias.map { Tensor($0, [$0.count]) }
            )
        }
        inputNorm = try hasInputNorm ? norm(plan.inputNorm) : nil
        (queryKeyValue, queryKeyValueBias) = try projections(
            plan.isFused
                ? [("self_attn.qkv_proj", query + 2 * keyValue)]
                : [("self_attn.q_proj", query), ("self_attn.k_proj", keyValue), ("self_attn.v_proj", keyValue)],
            hasBias: plan.hasAttentionBias)
        let attention = weights.scope("self_attn")
        func queryKeyNorms(_ query: Int, _ key: Int) throws -> (query: Tensor, key: Tensor) {
            (
                try attention.norm("q_norm", count: query, offset: plan.normOffset),
                try attention.norm("k_norm", count: key, offset: plan.normOffset)
            )
        }
        headNorm =
            plan.queryKeyNorm == .head
            ? try {
                let norms = try queryKeyNorms(size, size)
                return AttentionCache.HeadNorm(query: norms.query, key: norms.key, epsilon: model.normEpsilon)
            }() : nil
        wideNorm = plan.queryKeyNorm == .width ? try queryKeyNorms(query, keyValue) : nil
        output = PackedMatrix(
            [try attention.matrix("o_proj.weight", rows: hidden, columns: query)], arithmetic: arithmetic, on: pool)
        outputBias = plan.hasOutputBias ? try attention.vector("o_proj.bias", count: hidden) : nil
        attentionOutputNorm = try norm(plan.attentionOutputNorm)

        feedForwardNorm = try norm(plan.feedForwardNorm)
        (gateUp, gateUpBias) = try projections(
            plan.isFused ? [("mlp.gate_up_proj", 2 * wide)] : [("mlp.gate_proj", wide), ("mlp.up_proj", wide)],
            hasBias: plan.hasMLPBias)
        let mlp = weights.scope("mlp")
        down = PackedMatrix(
            [try mlp.matrix("down_proj.weight", rows: hidden, columns: wide)], arithmetic: arithmetic, on: pool)
        downBias = plan.hasMLPBias ? try mlp.vector("down_proj.bias", count: hidden) : nil
        feedForwardOutputNorm = try norm(plan.feedForwardOutputNorm)
    }

    /// Heads that are turned in part are read so that their pairs lie as where all of a head is turned.
    private static func rowOrder(_ name: String, _ model: ModelConfiguration) -> RowOrder? {
        guard let rotated = model.plan.rotatedSize else { return nil }
        let (queries, keys) = (model.headCount * model.headSize, model.keyValueHeadCount * model.headSize)
        let rows: [String: Int] = [
            "self_attn.qkv_proj": queries + keys, "self_attn.q_proj": queries, "self_attn.k_proj": keys,
        ]
        return rows[name].map { .partlyRotated(size: model.headSize, rotated: rotated, rows: $0) }
    }

    /// Bytes of the packed weights.
    package var byteCount: Int { queryKeyValue.byteCount + output.byteCount + gateUp.byteCount + down.byteCount }

    /// An empty cache for this layer.
    package func makeCache(capacity: Int) -> AttentionCache {
        AttentionCache(
            heads: model.headCount, keyValueHeads: model.keyValueHeadCount, headSize: model.headSize,
            capacity: capacity, scale: model.plan.scoreScale, window: layer.window)
    }

    /// The layer's output for new rows, whose keys and values go to the cache's slots from `slot` on.
    ///
    /// - Parameters:
    ///   - x: `[rows, hidden]`.
    ///   - angles: of the rows' positions, by this layer's rotary configuration; `nil` where it has none.
    ///   - visible: what each row sees, its own slot included.
    /// - Returns: `[rows, hidden]`.
    package func forward(
        _ x: Tensor, angles: RotaryAngles?, cache: AttentionCache, slot: Int, visible: [AttentionCache.Visible],
        on pool: ThreadPool
    ) -> Tensor {
        let rows = AttentionCache.SequenceRows(cache: cache, slot: slot, visible: visible)
        return forward(x, angles: angles, sequences: [rows], on: pool)
    }

    /// The same for rows of several sequences, one sequence's behind the other's.
    package func forward(
        _ x: Tensor, angles: RotaryAngles?, sequences: [AttentionCache.SequenceRows], on pool: ThreadPool
    ) -> Tensor {
        output(store(x, angles: angles, sequences: sequences, on: pool), of: x, sequences, on: pool)
    }

    /// The same where only each sequence's last rows are wanted; the others leave keys and values all the same.
    ///
    /// - Returns: `[sequences * last, hidden]`.
    package func forward(
        _ x: Tensor, angles: RotaryAngles?, sequences: [AttentionCache.SequenceRows], last: Int, on pool: ThreadPool
    ) -> Tensor {
        let projected = store(x, angles: angles, sequences: sequences, on: pool)
        guard sequences.contains(where: { $0.count > last }) else {
            return output(projected, of: x, sequences, on: pool)
        }
        var (row, wanted): (Int, [Int]) = (0, [])
        let ends = sequences.map { sequence in
            precondition(sequence.count >= last, "\(last) rows of \(sequence.count)")
            row += sequence.count
            wanted += row - last..<row
            return AttentionCache.SequenceRows(
                cache: sequence.cache, slot: sequence.slot + sequence.count - last,
                visible: Array(sequence.visible.suffix(last)))
        }
        return output(projected.rows(wanted), of: x.rows(wanted), ends, on: pool)
    }

    /// The layer's output for rows whose keys and values are those of others.
    ///
    /// - Parameters:
    ///   - x: `[rows, hidden]`; they leave no keys.
    ///   - angles: of their queries.
    ///   - seeing: what each of them sees.
    ///   - context: the rows that leave keys and values, by `contextAngles`, in the slots of `places`.
    package func forward(
        _ x: Tensor, angles: RotaryAngles, seeing: [AttentionCache.SequenceRows], context: Tensor,
        contextAngles: RotaryAngles?, in places: [AttentionCache.SequenceRows], on pool: ThreadPool
    ) -> Tensor {
        precondition(wideNorm == nil && headNorm == nil, "rows that see others' keys, in a layer that norms them")
        // One product for both: each would read the weights.
        let all = context.rowCount == 0 ? x : Tensor.stacked([context, x])
        let normalized = inputNorm.map { all.rmsNorm(weight: $0, epsilon: model.normEpsilon, on: pool) } ?? all
        let projected = queryKeyValue.multiply(normalized, bias: queryKeyValueBias, on: pool)
        if context.rowCount > 0 {
            var keys = projected.rows(0..<context.rowCount)
            AttentionCache.place(&keys, of: places, norm: nil, angles: contextAngles, on: pool)
        }
        var queries = projected.rows(context.rowCount..<projected.rowCount)
        angles.rotate(
            &queries, columns: 0..<model.headCount * model.headSize, heads: model.headCount, on: pool)
        return output(queries, of: x, seeing, on: pool)
    }

    /// What a layer makes of rows whose queries, keys and values are known.
    private func output(
        _ projected: Tensor, of x: Tensor, _ sequences: [AttentionCache.SequenceRows], on pool: ThreadPool
    ) -> Tensor {
        let attended = AttentionCache.attend(projected, of: sequences, on: pool)
        var hidden = output.multiply(attended, bias: outputBias, on: pool)
        if let norm = attentionOutputNorm {
            hidden = hidden.rmsNorm(weight: norm, epsilon: model.normEpsilon, on: pool)
        }
        let normalized: Tensor
        if let norm = feedForwardNorm {
            normalized = hidden.add(x, thenNormWith: norm, epsilon: model.normEpsilon, on: pool)
        } else {
            hidden.add(x, on: pool)
            normalized = hidden
        }
        let middle = gateUp.multiply(normalized, bias: gateUpBias, on: pool)
        var result = down.multiply(middle.gatedUnit(model.plan.activation, on: pool), bias: downBias, on: pool)
        if let norm = feedForwardOutputNorm {
            result = result.rmsNorm(weight: norm, epsilon: model.normEpsilon, on: pool)
        }
        result.add(hidden, on: pool)
        return result
    }

    /// Leaves the keys and values of rows in their caches' slots: all that remains of rows whose output nobody wants.
    ///
    /// - Returns: queries, keys and values side by side, `[rows, query + 2 * keyValue]`.
    @discardableResult
    package func store(
        _ x: Tensor, angles: RotaryAngles?, sequences: [AttentionCache.SequenceRows], on pool: ThreadPool
    ) -> Tensor {
        let normalized = inputNorm.map { x.rmsNorm(weight: $0, epsilon: model.normEpsilon, on: pool) } ?? x
        var projected = queryKeyValue.multiply(normalized, bias: queryKeyValueBias, on: pool)
        if let norms = wideNorm {
            let (queries, keys) = (norms.query.count, norms.key.count)
            projected.normalize(columns: 0..<queries, weight: norms.query, epsilon: model.normEpsilon, on: pool)
            projected.normalize(
                columns: queries..<queries + keys, weight: norms.key, epsilon: model.normEpsilon, on: pool)
        }
        AttentionCache.place(&projected, of: sequences, norm: headNorm, angles: angles, on: pool)
        return projected
    }
}
