import FalconDraft
import FalconModels
import FalconNN
import FalconShards
import FalconTensor
import FalconWeights
import Foundation

/// Trains a draft head by Coupled Sequential Glancing Distillation (Falcon, section 3.2 and 3.3).
///
/// For each batch: a first pass without gradient finds out how many positions are wrong; that many times lambda, some
/// blocks are shown their own truth; the second pass over the replaced inputs is the one that learns.
package final class DraftTraining: TrainingTask {
    package let kind = "draft"
    package var random: [String: RandomSource]
    package var parameters: ParameterCollection { network.parameters }
    package var modelValueCount: Int { network.storedValueCount }
    package let fingerprints: [String: String]

    let recipe: Recipe
    let target: EmbeddingAndHead
    let network: DraftNetwork
    let validation: DraftValidation
    private let replay: ReplayEvaluation
    private let decoded: DecodedEvaluation?
    private let batches: FeatureBatches
    private let passes: GlancingPasses

    /// - Parameters:
    ///   - recipe: one without a `[pretrain]` section.
    ///   - target: what is trained for.
    ///   - tokenizer: the fingerprint of its tokenizer.
    ///   - byteTokens: those that stand for one byte each.
    ///   - source: its features.
    ///   - model: the whole target, where prompts are to be decoded by it; `nil` decodes none.
    ///   - share: the slices of each batch to get ready, where batches are cut into slices; all where it is left out.
    ///   - log: told what is trained on what.
    /// - Throws: `FileError` in one line, also where the features are another target's.
    package init(
        recipe: Recipe, target: EmbeddingAndHead, tokenizer: String, byteTokens: [Int32] = [],
        source: any FeatureSequences, model: ModelSource? = nil, share: SliceShare? = nil, pool: ThreadPool,
        log: (String) -> Void
    ) throws {
        try source.requireFingerprints(target: target.fingerprint, tokenizer: tokenizer)
        guard source.description.hiddenSize == target.configuration.hiddenSize else {
            throw FileError(
                source.path,
                "has features of width \(source.description.hiddenSize), but the target's are "
                    + "\(target.configuration.hiddenSize) wide; make them again with falcon-gen-data")
        }
        let layers = recipe.draft.auxiliaryLayers
        if let last = layers.last, last > target.configuration.layerCount {
            throw RecipeError(
                source: "recipe", key: "draft.auxiliary_layers",
                problem: "names layer \(last), but the target has \(target.configuration.layerCount); name lower ones")
        }
        try source.requireLayers(layers)
        if recipe.loss.teacher == .stored, source.description.teacherEntries == nil {
            throw FileError(
                source.path,
                "has no teacher statistics; make it with falcon-gen-data --teacher-statistics or set "
                    + "loss.teacher = \"exact\"")
        }
        let parts = source.split(validationFraction: recipe.data.validationFraction)
        // Other programs write sequences without tokens: there is nothing in them to pad, to train or to replay.
        func filled(_ indices: [Int]) -> [Int] { indices.filter { source.sequences[$0].length > 0 } }
        let (training, heldOut) = (filled(parts.training), filled(parts.validation))
        let empty = source.sequences.count - training.count - heldOut.count
        if empty > 0 { log("\(empty) \(empty == 1 ? "sequence" : "sequences") without tokens left out") }
        guard !training.isEmpty else {
            throw FileError(source.path, "holds no sequence for training; lower data.validation_fraction")
        }
        try DraftTraining.requireCountingPosition(recipe, source, training)
        let seed = RandomSource(seed: UInt64(recipe.training.seed))
        random = Dictionary(
            uniqueKeysWithValues: ["noise", "glance", "dropout", "labels"].map { ($0, seed.stream($0)) })
        fingerprints = [
            "target": target.fingerprint, "tokenizer": tokenizer,
            source.fingerprint.name: source.fingerprint.digest,
        ]
        let vocabulary = try DraftVocabularyChoice(
            recipe: recipe, target: target, byteTokens: byteTokens, source: source, training: training,
            heldOut: heldOut)
        network = try DraftNetwork(recipe: recipe, target: target, vocabulary: vocabulary.subset, log: log)
        if let summary = vocabulary.summary { log(summary) }
        if recipe.draft.balancedStart, recipe.draft.initFrom.isEmpty {
            let first = try source.finiteBatch(
                Array(training.prefix(FusionBalance.sequences)), limit: recipe.data.maxLength, on: pool)
            let balance = FusionBalance(features: first.map(\.features), embedding: target.embedding)
            balance.apply(to: network.parameters)
            log(balance.summary)
        }
        batches = FeatureBatches(
            source, indices: training, limit: recipe.training.batchLimit, seed: UInt64(recipe.training.seed),
            maxLength: recipe.data.maxLength, share: share ?? SliceShare(recipe), threads: pool.threadCount)
        let precision = ProductPrecision(recipe.training.precision)
        passes = GlancingPasses(
            network: network, loss: DraftLoss(recipe: recipe.loss), weight: target.head,
            vocabulary: vocabulary.subset, usesStatistics: recipe.loss.teacher == .stored, precision: precision,
            recomputes: recipe.training.recompute, pool: pool)
        validation = DraftValidation(
            recipe: recipe, source: source, indices: heldOut, weight: target.head, vocabulary: vocabulary.subset,
            precision: precision, pool: pool)
        replay = try ReplayEvaluation(recipe: recipe, target: target, source: source, indices: heldOut, pool: pool)
        decoded = try model.flatMap {
            try DecodedEvaluation(recipe: recipe, model: $0, source: source, indices: heldOut, pool: pool)
        }
        self.recipe = recipe
        self.target = target
        let tokens = training.reduce(0) { $0 + min(source.sequences[$1].length, recipe.data.maxLength) }
        let cut = training.count { source.sequences[$0].length > recipe.data.maxLength }
        log(
            counted(training.count, "sequence")
                + (cut > 0 ? " (\(cut) cut to data.max_length = \(recipe.data.maxLength))" : "")
                + ", \(counted(tokens, "token")) an epoch; \(heldOut.count) held out; "
                + "\(network.parameters.trainableCount) parameters")
    }

    /// Looks for a position that counts, up to the first one.
    ///
    /// - Throws: `FileError` where nothing would be learned from any of the sequences.
    private static func requireCountingPosition(
        _ recipe: Recipe, _ source: any FeatureSequences, _ indices: [Int]
    ) throws {
        let k = recipe.draft.blockSize
        func counts(_ mask: [UInt8]) -> Bool {
            recipe.glance.maskShift.counting(
                lossMask: mask, blockSize: k, needsTargetToken: recipe.loss.hardLabel == .data
            ).contains(true)
        }
        var isCut = false
        for index in indices {
            let mask = try source.lossMask(index)
            if counts(Array(mask.prefix(recipe.data.maxLength))) { return }
            isCut = isCut || counts(mask)
        }
        throw FileError(
            source.path,
            "nothing would be learned: "
                + (isCut
                    ? "data.max_length = \(recipe.data.maxLength) cuts the answer of every sequence off; raise it"
                    : "no sequence has a token of an answer that lies further than \(k) tokens in; train on other "
                        + "chats" + (k > 1 ? " or lower draft.block_size" : "")))
    }

    package func batchCount(epoch: Int) -> Int { batches.count(epoch: epoch) }

    package var largestBatch: Int { batches.largest }

    package func trainBatch(_ index: Int, slice: BatchSlice?, progress: TrainingProgress) throws -> BatchOutcome {
        let sequences = try batches.batch(index, epoch: progress.epoch, slice: slice)
        guard !sequences.isEmpty else { return .nothing }
        // A slice's random numbers are its sequences' own: whoever computes it draws the same.
        let epoch = slice.map { _ in progress.epoch }
        let broken = sequences.compactMap { sequence in
            sequence.firstTokenNotFinite.map { "\(sequence.id), token \($0)" }
        }
        guard broken.isEmpty else {
            return BatchOutcome(
                backward: nil, loss: .nan, weight: 0, tokens: 0, metrics: MetricMeans(), ids: broken)
        }
        var batch = TrainingBatch(
            shifted(sequences, epoch: epoch), blockSize: recipe.draft.blockSize, maskShift: recipe.glance.maskShift,
            maxLength: recipe.data.maxLength, needsTargetToken: recipe.loss.hardLabel == .data,
            layers: recipe.draft.auxiliaryLayers)
        draw("noise", batch.ids, epoch) { random in
            batch.add(
                FeatureNoise(kind: recipe.noise.kind, halfWidth: Float(recipe.noise.halfWidth)), random: &random)
        }
        var metrics = MetricMeans()
        let predicted =
            recipe.glance.enabled || recipe.noise.selfFed > 0 ? passes.features(of: batch) : nil
        let (plans, first) = glance(batch, predicted, progress: progress, epoch: epoch, metrics: &metrics)
        let fed = predicted.map { selfFeeding(batch, $0, epoch: epoch, metrics: &metrics) } ?? batch
        let learned = batch.countingRows(excluding: recipe.glance.lossOnGlanced ? [] : plans)
        let tokens = batch.lengths.reduce(0, +)
        guard !learned.isEmpty else {
            return BatchOutcome(backward: nil, loss: 0, weight: 0, tokens: tokens, metrics: metrics, ids: batch.ids)
        }

        let inputs = recipe.glance.showsTruth ? fed.glancing(plans) : fed
        let shown = plans.enumerated().flatMap { row, plan in plan.positions.map { row * batch.time + $0 } }
        let watched = recipe.glance.lossOnGlanced ? [] : Array(shown.prefix(DraftTraining.mostWatched))
        let (backward, result, seen) = draw("dropout", batch.ids, epoch) { dropout in
            // Labels are drawn over the rows of all sequences at once.
            draw("labels", [batch.ids.joined(separator: "\n")], epoch) { labels in
                passes.second(
                    inputs, rows: learned, watched: watched, first: first,
                    dataTokens: batch.dataTokens(at: learned), dropoutRate: Float(recipe.draft.dropout),
                    dropout: &dropout, labels: &labels[0])
            }
        }
        // What the gradient is divided by: with weights by offset, their sum.
        let weight = passes.loss.recipe.offsetDecay > 0 ? passes.weight(of: learned, in: batch) : Double(learned.count)
        guard result.isFinite else {
            let blamed = Set(zip(learned, result.ranks).filter { $0.1 == nil }.map { $0.0 / batch.time }).sorted()
            return BatchOutcome(
                backward: nil, loss: .nan, weight: 0, tokens: tokens, metrics: metrics,
                ids: blamed.isEmpty ? batch.ids : blamed.map { batch.ids[$0] })
        }
        measure(result, rows: learned, shown: Set(shown), seen: seen, time: batch.time, metrics: &metrics)
        return BatchOutcome(
            backward: backward, loss: result.total / Double(learned.count), weight: weight, tokens: tokens,
            metrics: metrics, ids: batch.ids)
    }

    /// Sequences whose blocks begin elsewhere, where the recipe says so; the cut to `data.max_length` was before.
    private func shifted(_ sequences: [FeatureSequence], epoch: Int?) -> [FeatureSequence] {
        guard recipe.data.randomPhase, recipe.draft.blockSize > 1 else { return sequences }
        return draw("phase", sequences.map(\.id), epoch) { random in
            sequences.enumerated().map { $1.droppingFirst(random[$0].below(recipe.draft.blockSize)) }
        }
    }

    package func evaluate() throws -> MetricRecord {
        var record = MetricRecord()
        record.append(try validation.evaluate(network), prefix: "validation_")
        record.append(try replay.evaluate(network).record)
        if let decoded { record.append(try decoded.evaluate(network)) }
        return record
    }

    /// The accept length, not the loss: the loss still falls where the accept length has passed its peak. Where no
    /// dialogue is decoded, its estimate.
    package func merit(of evaluation: MetricRecord) -> Double? {
        evaluation.number("accept_length_tree") ?? evaluation.number("validation_accept_length")
    }

    package func writeModel(to folder: String) throws {
        // With the frozen embedding, so that a checkpoint is a draft head's folder by itself.
        try network.write(folder: folder, as: .float32, target: target.fingerprint)
    }

    package func readModel(from folder: String) throws {
        try network.load(file: folder + "/model.safetensors")
    }

    package func finish() throws {}

    /// The first pass, and what it lets each sequence see (method of section 3.2).
    private func glance(
        _ batch: TrainingBatch, _ predicted: Tensor?, progress: TrainingProgress, epoch: Int?,
        metrics: inout MetricMeans
    ) -> (plans: [GlancePlan], first: GlancingPasses.FirstPass?) {
        guard recipe.glance.enabled, let predicted else {
            return ([GlancePlan](repeating: GlancePlan(positions: []), count: batch.lengths.count), nil)
        }
        let first = passes.first(batch, features: predicted)
        let wrong = first.wrong.reduce(0, +)
        let lambda = recipe.glance.schedule.lambda(
            epoch: progress.epoch, epochs: progress.epochs, done: Double(progress.step) / Double(progress.totalSteps),
            start: recipe.glance.lambda, wrongShare: Double(wrong) / Double(max(1, first.rows.count)))
        metrics.add("lambda", sum: lambda, weight: 1)
        let plans = draw("glance", batch.ids, epoch) { random in
            zip(batch.counting, first.wrong).enumerated().map { row, known in
                GlancePlan(
                    counting: known.0, blockSize: recipe.draft.blockSize,
                    number: GlancePlan.number(lambda: lambda, hammingDistance: known.1), random: &random[row])
            }
        }
        metrics.add("hamming", count: wrong)
        metrics.add("glanced", count: plans.reduce(0) { $0 + $1.positions.count })
        return (plans, first)
    }

    /// The batch with some blocks fed by the head itself (`SelfFedBlocks`), where the recipe says so.
    private func selfFeeding(
        _ batch: TrainingBatch, _ predicted: Tensor, epoch: Int?, metrics: inout MetricMeans
    ) -> TrainingBatch {
        guard recipe.noise.selfFed > 0 else { return batch }
        let blocks = draw("self_fed", batch.ids, epoch) { random in
            batch.counting.enumerated().map { row, counting in
                SelfFedBlocks(
                    counting: counting, blockSize: recipe.draft.blockSize, share: recipe.noise.selfFed,
                    random: &random[row])
            }
        }
        metrics.add("self_fed", count: blocks.reduce(0) { $0 + $1.starts.count * recipe.draft.blockSize })
        return batch.selfFeeding(blocks, predicted: predicted)
    }

    /// Of the positions that are shown their truth and learn nothing, so many a batch are measured.
    private static let mostWatched = 128

    /// - Parameters:
    ///   - rows: the positions that the result is of.
    ///   - shown: those that were handed their own label.
    ///   - seen: what some of these would have given, where they are not among `rows`.
    private func measure(
        _ result: DraftLoss.Result, rows: [Int], shown: Set<Int>, seen: DraftLoss.Result?, time: Int,
        metrics: inout MetricMeans
    ) {
        let weight = Double(rows.count)
        metrics.add("loss", sum: result.total, weight: weight)
        metrics.add("feature_loss", sum: result.feature, weight: weight)
        metrics.add("soft_loss", sum: result.soft, weight: weight)
        metrics.add("hard_loss", sum: result.hard, weight: weight)
        if recipe.glance.enabled {
            for (name, isShown) in [("clean_loss", false), ("glanced_loss", true)] {
                let losses = zip(rows, result.rowLosses).filter { shown.contains($0.0) == isShown }.map(\.1)
                guard !losses.isEmpty else { continue }
                metrics.add(name, sum: losses.reduce(0, +), weight: Double(losses.count))
            }
        }
        if let seen, seen.isFinite {
            metrics.add("glanced_loss", sum: seen.total, weight: Double(seen.rowLosses.count))
        }
        // A position that was handed its own label says nothing about the head.
        let clean = zip(rows, result.ranks).filter { !shown.contains($0.0) }
        var accuracy = BlockAccuracy(blockSize: recipe.draft.blockSize)
        accuracy.add(rows: clean.map(\.0), ranks: clean.map { $0.1 ?? .max }, time: time)
        accuracy.add(to: &metrics)
    }

    /// Lets `body` draw from a named source, which is kept where it then stands; or, for a slice of a batch, from
    /// sources of the sequences' own.
    ///
    /// - Parameter epoch: of a slice; `nil` for a whole batch.
    private func draw<Result>(
        _ name: String, _ ids: [String], _ epoch: Int?, _ body: (inout RowSources) throws -> Result
    ) rethrows -> Result {
        let seed = UInt64(recipe.training.seed)
        if let epoch {
            var sources = RowSources(name, ids: ids, seed: seed, epoch: epoch)
            return try body(&sources)
        }
        var source = RowSources(shared: random[name] ?? RandomSource(seed: seed).stream(name))
        defer { random[name] = source[0] }
        return try body(&source)
    }
}
