import FalconTensor

/// Hidden states of some of a target's decoder layers, beside its features.
///
/// A pass that is asked for layers gives rows in which they stand behind the feature:
///
///     f_i | state behind layer 8 | state behind layer 16        [(1 + layers) * hidden]
///
/// A state is the residual stream behind its layer, normed to a root mean square of 1 (no weight), so that layers are
/// of one scale. Whoever keeps, cuts and stacks rows of features does the same with these; whoever wants the features
/// alone takes them out.
package enum AuxiliaryLayers {
    /// The features of such rows, `[rows, hidden]`.
    package static func features(of rows: Tensor, hidden: Int) -> Tensor {
        rows.width == hidden ? rows : rows.columns(0..<hidden)
    }

    /// What stands behind the features, `[rows, layers * hidden]`; `nil` where nothing does.
    package static func states(of rows: Tensor, hidden: Int) -> Tensor? {
        rows.width == hidden ? nil : rows.columns(hidden..<rows.width)
    }

    /// The same rows with fewer layers.
    ///
    /// - Parameters:
    ///   - wanted: layers, all among `given`.
    ///   - given: those that the rows have.
    package static func rows(_ rows: Tensor, of wanted: [Int], from given: [Int], hidden: Int) -> Tensor {
        guard wanted != given else { return rows }
        return rows.columnBlocks(
            [0]
                + wanted.map { layer in
                    guard let place = given.firstIndex(of: layer) else {
                        preconditionFailure("layer \(layer) is none of \(given)")
                    }
                    return place + 1
                }, size: hidden)
    }

    /// Layers that either of two asks for.
    package static func union(_ first: [Int], _ second: [Int]) -> [Int] { Set(first).union(second).sorted() }
}
