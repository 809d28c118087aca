import FalconTensor
import FalconWeights

/// One Llama-style decoder layer for inference: attention with a cache, then a gated MLP, both with residuals.
///
/// Query, key and value projections are one packed matrix, gate and up projections another. Used by target models and
/// by the draft head; batch-invariant throughout.
package final class PackedDecoderLayer: Sendable {
    package let shape: DecoderLayerShape
    private let inputNorm: Tensor?
    private let queryKeyValue: PackedMatrix
    private let queryKeyValueBias: Tensor?
    private let headNorm: AttentionCache.HeadNorm?
    private let output: PackedMatrix
    private let outputBias: Tensor?
    private let mlpNorm: Tensor
    private let gateUp: PackedMatrix
    private let gateUpBias: Tensor?
    private let down: PackedMatrix
    private let downBias: Tensor?

    /// Packs the layer's weights, read by their Hugging Face names (`self_attn.q_proj.weight`, ...).
    ///
    /// - Throws: `FileError` where a tensor is missing or has another shape than `shape` says.
    package init(
        _ weights: LayerWeights, shape: DecoderLayerShape, arithmetic: ProductArithmetic, on pool: ThreadPool
    ) throws {
        self.shape = shape
        let (hidden, query, keyValue) = (shape.hiddenSize, shape.queryWidth, shape.keyValueWidth)
        inputNorm = shape.hasInputNorm ? try weights.vector("input_layernorm.weight", count: hidden) : nil

        let attention = weights.scope("self_attn")
        queryKeyValue = PackedMatrix(
            [
                try attention.matrix("q_proj.weight", rows: query, columns: hidden),
                try attention.matrix("k_proj.weight", rows: keyValue, columns: hidden),
                try attention.matrix("v_proj.weight", rows: keyValue, columns: hidden),
            ], arithmetic: arithmetic, on: pool)
        queryKeyValueBias =
            shape.hasAttentionBias
            ? Tensor(
                try attention.vector("q_proj.bias", count: query).scalars
                    + attention.vector("k_proj.bias", count: keyValue).scalars
                    + attention.vector("v_proj.bias", count: keyValue).scalars, [query + 2 * keyValue]) : nil
        headNorm =
            shape.hasQueryKeyNorm
            ? AttentionCache.HeadNorm(
                query: try attention.vector("q_norm.weight", count: shape.headSize),
                key: try attention.vector("k_norm.weight", count: shape.headSize), epsilon: shape.normEpsilon) : nil
        output = PackedMatrix(
            [try attention.matrix("o_proj.weight", rows: hidden, columns: query)], arithmetic: arithmetic, on: pool)
        outputBias = shape.hasOutputBias ? try attention.vector("o_proj.bias", count: hidden) : nil

        mlpNorm = try weights.vector("post_attention_layernorm.weight", count: hidden)
        let mlp = weights.scope("mlp")
        let wide = shape.intermediateSize
        gateUp = PackedMatrix(
            [
                try mlp.matrix("gate_proj.weight", rows: wide, columns: hidden),
                try mlp.matrix("up_proj.weight", rows: wide, columns: hidden),
            ], arithmetic: arithmetic, on: pool)
        gateUpBias =
            shape.hasMLPBias
            ? Tensor(
                try mlp.vector("gate_proj.bias", count: wide).scalars + mlp.vector("up_proj.bias", count: wide).scalars,
                [2 * wide]) : nil
        down = PackedMatrix(
            [try mlp.matrix("down_proj.weight", rows: hidden, columns: wide)], arithmetic: arithmetic, on: pool)
        downBias = shape.hasMLPBias ? try mlp.vector("down_proj.bias", count: hidden) : nil
    }

    /// Bytes of the packed weights.
    package var byteCount: Int { queryKeyValue.byteCount + output.byteCount + gateUp.byteCount + down.byteCount }

    /// An empty cache for this layer.
    package func makeCache(capacity: Int) -> AttentionCache {
        AttentionCache(
            heads: shape.headCount, keyValueHeads: shape.keyValueHeadCount, headSize: shape.headSize,
            capacity: capacity)
    }

    /// The layer's output for new rows, whose keys and values go to the cache's slots from `slot` on.
    ///
    /// - Parameters:
    ///   - x: `[rows, hidden]`.
    ///   - angles: of the rows' positions.
    ///   - visible: what each row sees, its own slot included.
    /// - Returns: `[rows, hidden]`.
    package func forward(
        _ x: Tensor, angles: RotaryAngles, cache: AttentionCache, slot: Int, visible: [AttentionCache.Visible],
        on pool: ThreadPool
    ) -> Tensor {
        let rows = AttentionCache.SequenceRows(cache: cache, slot: slot, visible: visible)
        return forward(x, angles: angles, sequences: [rows], on: pool)
    }

    /// The same for rows of several sequences, one sequence's behind the other's.
    package func forward(
        _ x: Tensor, angles: RotaryAngles, sequences: [AttentionCache.SequenceRows], on pool: ThreadPool
    ) -> Tensor {
        let projected = store(x, angles: angles, sequences: sequences, on: pool)
        let attended = AttentionCache.attend(projected, of: sequences, on: pool)

        var hidden = output.multiply(attended, bias: outputBias, on: pool)
        let normalized = hidden.add(x, thenNormWith: mlpNorm, epsilon: shape.normEpsilon, on: pool)
        let middle = gateUp.multiply(normalized, bias: gateUpBias, on: pool)
        var result = down.multiply(middle.gatedUnit(on: pool), bias: downBias, on: pool)
        result.add(hidden, on: pool)
        return result
    }

    /// Leaves the keys and values of rows in their caches' slots: all that remains of rows whose output nobody wants.
    ///
    /// - Returns: queries, keys and values side by side, `[rows, query + 2 * keyValue]`.
    @discardableResult
    package func store(
        _ x: Tensor, angles: RotaryAngles, sequences: [AttentionCache.SequenceRows], on pool: ThreadPool
    ) -> Tensor {
        let normalized = inputNorm.map { x.rmsNorm(weight: $0, epsilon: shape.normEpsilon, on: pool) } ?? x
        var projected = queryKeyValue.multiply(normalized, bias: queryKeyValueBias, on: pool)
        AttentionCache.place(&projected, of: sequences, norm: headNorm, angles: angles, on: pool)
        return projected
    }
}
