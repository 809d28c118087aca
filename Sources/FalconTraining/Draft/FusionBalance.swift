import FalconNN
import FalconTensor
import Foundation

/// How much larger a target's features are than its embeddings, and a start of the fusion that makes up for it.
///
/// The fusion reads `[E t; f]` through weights that are drawn alike for both halves. Where features are 32 times
/// larger, as they well may be, the token makes a thousandth of what comes out, and a head learns late that it is
/// there. With the embedding's half scaled by the ratio, both make half of it.
struct FusionBalance {
    /// Root of the mean square of a value.
    let feature, embedding: Double

    /// So many sequences are looked at.
    static let sequences = 8
    /// And so many embeddings, evenly over the vocabulary.
    private static let mostRows = 4096

    /// - Parameters:
    ///   - features: `[tokens, hidden]` each.
    ///   - embedding: `[vocabulary, hidden]`.
    init(features: [Tensor], embedding: StoredMatrix) {
        let count = features.reduce(0) { $0 + $1.count }
        let squares = features.reduce(0) { $0 + $1.rootMeanSquare * $1.rootMeanSquare * Double($1.count) }
        feature = count > 0 ? (squares / Double(count)).squareRoot() : 0
        self.embedding = embedding.rootMeanSquare(rows: FusionBalance.mostRows)
    }

    /// What the embedding's half is multiplied by; 1 where either is zero.
    var ratio: Double { feature > 0 && embedding > 0 ? feature / embedding : 1 }

    var summary: String {
        String(
            format: "the embedding's half of the fusion starts at %.3g times its usual size: features have %.3g, "
                + "embeddings %.3g (root of the mean square)", ratio, feature, embedding)
    }

    /// Scales the first half of the columns of the fusion's input weights.
    func apply(to parameters: ParameterCollection) {
        for parameter in parameters.trainable where ["fc.weight", "lstm.weight_ih_l0"].contains(parameter.name) {
            let (width, factor) = (parameter.shape[1], Float(ratio))
            parameter.value = Tensor(
                parameter.value.scalars.enumerated().map { index, value in
                    index % width < width / 2 ? value * factor : value
                }, parameter.shape)
        }
    }
}
