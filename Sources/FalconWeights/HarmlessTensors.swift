/// Tensors that a file may hold although the model has no place for them, because they follow from the configuration
/// or are never read: buffers that older versions of transformers stored with the weights.
package enum HarmlessTensors {
    /// A name is harmless where it ends with one of these behind a point, or is one of them.
    private static let endings = [
        // Frequencies and angles of rotary positions.
        "rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached", "rotary_emb.original_inv_freq",
        // The causal mask and the number that stands for minus infinity in it.
        "masked_bias", "causal_mask",
        // 0, 1, 2, ...
        "position_ids",
    ]

    package static func contains(_ name: String) -> Bool {
        endings.contains { name == $0 || name.hasSuffix("." + $0) }
    }
}
