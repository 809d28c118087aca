import FalconJSON
import FalconShards
import FalconTensor
import FalconTestSupport

@testable import FalconTraining

extension FixtureFamily {
    /// Batches, glancing numbers, replacement and noise.
    static let glance = FixtureFamily(name: "glance") { folder in
        let folder = FixtureFolder(path: folder + "/glance")
        let cases = try folder.folders(with: "case.json").map { test in
            FixtureJob(test.name) { comparison in
                let description = try test.json("case.json")
                let golden = try test.tensors("case.safetensors")
                if description["lengths"] != nil {
                    try comparePreparation(description, golden, &comparison)
                } else if description["std"] != nil {
                    try compareNoise(description, golden, &comparison)
                } else if description["skipped"]?.boolean == true {
                    try compareSkipped(description, golden, &comparison)
                } else {
                    try compareReplacement(description, golden, &comparison)
                }
            }
        }
        let numbers = try folder.contents.filter { $0.hasSuffix("formula.json") }.map { file in
            FixtureJob { record in
                for (number, entry) in (try folder.json(file).array ?? []).enumerated() {
                    record.check("\(file) \(number)") { compareNumber(entry, &$0) }
                }
            }
        }
        return cases + numbers
    }

    /// lambda, N and the number of starts.
    private static func compareNumber(_ entry: JSONValue, _ comparison: inout Comparison) {
        let (hamming, epoch) = (entry["hamming"]?.integer ?? -1, entry["epoch"]?.integer ?? -1)
        for (schedule, name) in [(GlanceSchedule.paper, "paper"), (.code, "code")] {
            let lambda = schedule.lambda(epoch: epoch, epochs: entry["num_epochs"]?.integer ?? 0)
            comparison.close(lambda, entry["lambda_\(name)"]?.double ?? .nan, absolute: 1e-9, "lambda_\(name)")
            comparison.close(
                lambda * Double(hamming), entry["n_\(name)"]?.double ?? .nan, absolute: 1e-9, "n_\(name)")
            let whole = GlancePlan.number(lambda: lambda, hammingDistance: hamming)
            let expected = entry["n_\(name)_floor"]?.integer ?? -1
            let slack = entry["n_\(name)_near_integer"]?.boolean == true ? 1 : 0
            comparison.expect(abs(whole - expected) <= slack, "N of \(name) is \(whole), expected \(expected)")
        }
    }

    private static func comparePreparation(
        _ test: JSONValue, _ golden: GoldenTensors, _ comparison: inout Comparison
    ) throws {
        let count = test["lengths"]?.array?.count ?? 0
        let batch = TrainingBatch(
            try (0..<count).map { number in
                FeatureSequence(
                    id: "\(number)", tokens: try golden.tokens("sample\(number).input_ids"),
                    lossMask: try golden.whole("sample\(number).loss_mask").map { UInt8($0) },
                    features: try golden.real("sample\(number).hidden_state"))
            }, blockSize: test["k"]?.integer ?? 0, maskShift: .authors, maxLength: test["max_len"]?.integer ?? 0)
        comparison.close(batch.features, try golden.real("batch.hidden_states"), "batch.hidden_states")
        comparison.close(batch.targetFeatures, try golden.real("batch.target"), "batch.target")
        func rows(_ name: String) throws -> [[Int32]] { try golden.rows("batch." + name, count: count) }
        comparison.equal(batch.nextTokens, try rows("input_ids"), "batch.input_ids")
        comparison.equal(batch.targetTokens, try rows("input_ids_target"), "batch.input_ids_target")
        comparison.equal(batch.counting, try rows("loss_mask").map { $0.map { $0 != 0 } }, "batch.loss_mask")
        comparison.equal(
            batch.lengths, try rows("attention_mask").map { $0.reduce(0) { $0 + Int($1) } }, "batch.attention_mask")
    }

    private static func batch(_ golden: GoldenTensors) throws -> TrainingBatch {
        let features = try golden.real("hidden_states")
        let count = features.shape[0]
        return TrainingBatch(
            features: features, nextTokens: try golden.rows("input_ids", count: count),
            targetFeatures: try golden.real("target"), targetTokens: try golden.rows("input_ids_target", count: count))
    }

    /// Given positions are replaced: features and tokens together, in every row.
    private static func compareReplacement(
        _ test: JSONValue, _ golden: GoldenTensors, _ comparison: inout Comparison
    ) throws {
        let list = test["positions"]?.array ?? []
        let positions = (list.first?.array == nil ? [test["positions"] ?? .null] : list).map { row in
            (row.array ?? []).compactMap(\.integer)
        }
        let batch = try batch(golden)
        let glanced = batch.glancing(positions.map { GlancePlan(positions: $0) })
        comparison.close(glanced.features, try golden.real("new_hidden_states"), "new_hidden_states")
        comparison.equal(
            glanced.nextTokens, try golden.rows("new_input_ids", count: positions.count), "new_input_ids")
        comparison.expect(glanced.targetFeatures == batch.targetFeatures, "glancing changed the targets")
        try compareCounts(test, golden, &comparison)
    }

    /// How many positions count, how many are right already, and how many are to be shown.
    private static func compareCounts(
        _ test: JSONValue, _ golden: GoldenTensors, _ comparison: inout Comparison
    ) throws {
        guard let right = test["num_same"]?.integer, let counted = test["num_mask"]?.integer else { return }
        let mask = try golden.whole("loss_mask")
        let positions = mask.indices.filter { mask[$0] != 0 }
        let (drafted, truth) = (try golden.tokens("draft_token"), try golden.tokens("target_token"))
        let wrong = GlancePlan.hammingDistance(
            predicted: positions.map { drafted[$0] }, truth: positions.map { truth[$0] })
        comparison.equal([positions.count, wrong], [counted, counted - right], "positions that count and wrong ones")
        guard let number = test["n_code"]?.double, let k = test["k"]?.integer else { return }
        let lambda = GlanceSchedule.code.lambda(
            epoch: test["epoch"]?.integer ?? -1, epochs: test["num_epochs"]?.integer ?? 0)
        comparison.close(lambda * Double(wrong), number, absolute: 1e-9, "n_code")
        let whole = GlancePlan.number(lambda: lambda, hammingDistance: wrong)
        comparison.equal(k == 2 ? whole : whole / k, test["count"]?.integer ?? -1, "the number of starts")
    }

    /// A batch that the authors' code skips: ours shows nothing where no whole block counts, and its loss stays finite.
    private static func compareSkipped(
        _ test: JSONValue, _ golden: GoldenTensors, _ comparison: inout Comparison
    ) throws {
        try compareCounts(test, golden, &comparison)
        let counting = try golden.whole("loss_mask").map { $0 != 0 }
        var random = RandomSource(seed: 1)
        let plan = GlancePlan(
            counting: counting, blockSize: test["k"]?.integer ?? 0, number: counting.count, random: &random)
        let batch = try batch(golden)
        let rows = counting.indices.filter { counting[$0] }
        if rows.count <= 1 { comparison.equal(plan.positions, [], "the positions shown") }
        let shown = batch.glancing([plan])
        if plan.positions.isEmpty {
            comparison.close(shown.features, batch.features, "features of a batch that is shown nothing")
        }
        let loss = SmoothL1.evaluate(
            predicted: shown.features.flat.rows(at: rows), target: shown.targetFeatures.flat.rows(at: rows),
            denominator: Float(rows.count) + 1e-5, on: ThreadPool(threadCount: 1))
        comparison.expect(loss.loss.isFinite, "the loss of \(rows.count) positions is \(loss.loss)")
    }

    private static func compareNoise(
        _ test: JSONValue, _ golden: GoldenTensors, _ comparison: inout Comparison
    ) throws {
        // (u - 0.5) * std reaches half of it to both sides.
        let width = Float(test["std"]?.double ?? .nan)
        let clean = try golden.real("hidden_states")
        var drawn = try golden.real("uniform01").scalars.makeIterator()
        var values = clean.scalars
        FeatureNoise(kind: .length, halfWidth: width / 2).add(
            to: &values, first: 0, count: values.count, length: clean.shape[1]
        ) { drawn.next() ?? 0 }
        comparison.close(Tensor(values, clean.shape), try golden.real("noisy"), absolute: 1e-6, "noisy")
    }
}
