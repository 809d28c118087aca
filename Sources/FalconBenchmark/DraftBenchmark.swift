import FalconDraft
import FalconModels
import FalconTensor
import Foundation

extension InferenceBenchmarks {
    /// A pass of a draft head, behind 256 positions: it takes in two committed positions and predicts the next two
    /// features. Beside it a target pass with one row, and the LM head on the two features.
    ///
    /// - Parameters:
    ///   - folder: of a head for the target; `nil` for one of random weights in the target's shape.
    ///   - fusion: of the random head, and of a stored one that does not say it; `nil` for what is stored, else lstm.
    ///   - headArithmetic: of the head's products, where it is not the target's.
    /// - Throws: `FileError` where the target or the head cannot be loaded, or belong to different models.
    package func draft(
        head folder: String? = nil, fusion: FusionKind? = nil, headArithmetic: ProductArithmetic? = nil
    ) throws -> BenchmarkReport {
        try withModel { model in
            let head =
                if let folder {
                    try DraftHead(folder: folder, target: model, fusion: fusion, arithmetic: headArithmetic, pool: pool)
                } else {
                    try randomHead(for: model, fusion: fusion ?? .lstm, arithmetic: headArithmetic)
                }
            let cache = model.makeCache(capacity: 1024)
            let context = model.forward(
                (0..<256).map { Int32($0 + 1) }, cache: cache, states: head.configuration.auxiliaryLayers, on: pool)
            let two = context.rows(0..<2)
            let predicted = AuxiliaryLayers.features(of: two, hidden: model.configuration.hiddenSize)
            let session = DraftSession(head: head, capacity: 4096, branchRows: 2)
            session.extend(features: context, nextTokens: (0..<256).map { Int32($0 + 2) }, on: pool)
            _ = session.firstBlock(on: pool)
            // As in decoding, a pass of the target comes before each pass of the head.
            let medians = stopwatch.medians(
                of: 6,
                [
                    {
                        _ = model.greedyTokens(model.forward([7], parents: [-1], cache: cache, on: pool), on: pool)
                        cache.commit(path: [])
                    },
                    {
                        session.extend(features: two, nextTokens: [1, 2], on: pool)
                        _ = session.firstBlock(on: pool)
                    },
                    { _ = head.logits(predicted, on: pool) },
                ])
            let (target, seconds, ranking) = (medians[0], medians[1], medians[2])
            var report = report(
                "draft", tokens: 2, weights: DraftWork.weights(head.configuration), byteCount: head.byteCount, seconds)
            report.fusion = head.configuration.fusion.rawValue
            report.draft = folder
            report.headDtype = head.arithmetic.rawValue
            report.targetMilliseconds = target * 1000
            report.shareOfTargetPass = seconds / target
            report.rankingMilliseconds = ranking * 1000
            return report
        }
    }

    /// A head of random weights, written and opened as a user's is.
    private func randomHead(
        for model: TargetModel, fusion: FusionKind, arithmetic headArithmetic: ProductArithmetic?
    ) throws -> DraftHead {
        try RandomBlocks.withFolder { folder in
            let configuration = DraftConfiguration(target: model.configuration, blockSize: 2, fusion: fusion)
            let network = try DraftNetwork(
                configuration, .random(RandomSource(seed: 2)), embedding: model.ends.embedding)
            try network.write(folder: folder, as: arithmetic == .float32 ? .float32 : .bfloat16, withEmbedding: false)
            return try DraftHead(folder: folder, target: model, arithmetic: headArithmetic, pool: pool)
        }
    }
}

/// What a pass of a draft head multiplies.
private enum DraftWork {
    /// Weights that one position multiplies in the fusion and the layers.
    static func weights(_ configuration: DraftConfiguration) -> Int {
        let model = configuration.model
        let square = model.hiddenSize * model.hiddenSize
        let fusion =
            switch configuration.fusion {
            case .linear: 2 * square
            // Three of four gates, no recurrent weights.
            case .gated: 9 * square
            case .lstm: 20 * square
            }
        return fusion + model.layerCount * model.layerWeights
    }
}
