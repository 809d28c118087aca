import FalconTensor
import FalconWeights

extension WeightFolder {
    /// The arithmetic of products with a target's weights: the one that was asked for, or what suits the way in which
    /// they are written. That is `stored` where matrices are quantised; `int8` where one of them is in blocks that
    /// have no product of their own; else `float32`.
    ///
    /// - Parameter isTied: whether the embedding is multiplied, too, as the LM head.
    /// - Throws: `FileError` where `stored` was asked for, and a matrix is in such blocks.
    package func arithmetic(_ asked: ProductArithmetic?, isTied: Bool) throws -> ProductArithmetic {
        guard asked == nil || asked == .stored else { return asked ?? .float32 }
        var isQuantised = false
        for stored in names.compactMap({ stored($0) }) {
            guard let blocks = stored.blocks, isTied || !stored.name.hasSuffix("embed_tokens.weight") else { continue }
            isQuantised = true
            guard !blocks.canBeMultiplied else { continue }
            guard asked == nil else {
                throw FileError(
                    stored.file.path,
                    "tensor '\(stored.name)' is in blocks of \(blocks.name), which --precision stored cannot multiply; "
                        + "use --precision int8")
            }
            return .int8
        }
        return asked ?? (isQuantised ? .stored : .float32)
    }
}
