import FalconCluster
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

/// Batches cut into slices, by one process and by several ranks.
@Suite struct SlicedTrainingTests {
    private let pool = ThreadPool(threadCount: 1)

    /// All that draws at random; a batch size that leaves slices empty, and an epoch whose last step is short.
    private static let drawing = [
        "training.slices=8", "draft.dropout=0.2", "noise.kind=uniform", "noise.half_width=0.05",
        "loss.hard_label=sample", "data.random_phase=true", "training.batch_size=6", "training.epochs=3",
        "training.checkpoint_every_steps=4", "training.keep_checkpoints=0", "evaluation.dialogues=2",
    ]
    private static let still = ["draft.dropout=0", "noise.kind=none", "glance.enabled=false", "training.epochs=2"]

    /// Trains on ranks that are threads; rank 0's records, which alone hold evaluations.
    @discardableResult
    private func train(
        _ example: DraftExample, _ recipe: Recipe, _ folder: String, ranks: Int, resume: Bool = false,
        stopAfter: Int = .max
    ) throws -> [MetricRecord] {
        return try ThreadedRanks.run(ranks) { cluster in
            var own = example
            own.pool = ThreadPool(threadCount: 1)
            return try own.train(recipe, folder, on: cluster, resume: resume, stopAfter: stopAfter)
        }.map { try $0.get() }[0]
    }

    private func files(_ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try Fixtures.contents(of: folder) {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        }
        return files
    }

    @Test(arguments: [
        ([], 0), (["training.precision=bfloat16"], 0), (["glance.enabled=false", "optimizer.clip_norm=0.05"], 0),
        (["training.tokens_per_batch=150", "loss.offset_decay=2"], 0),
        (["training.gradient_exchange=bfloat16"], 0),
    ]) func `any number of ranks leaves the same checkpoints and metrics`(settings: [String], _: Int) throws {
        let example = try DraftExample(sequences: 50, pool: pool)
        let recipe = try example.recipe(Self.drawing + settings)
        let temporary = example.temporary
        let records = try train(example, recipe, temporary.file("1"), ranks: 1)
        let steps = try RunFolder(path: temporary.file("1")).steps()
        #expect(steps.count >= 3)
        for ranks in [2, 4, 8] {
            let folder = temporary.file("\(ranks)")
            #expect(try train(example, recipe, folder, ranks: ranks) == records)
            #expect(try RunFolder(path: folder).steps() == steps)
            for step in steps.map(RunFolder.name) {
                #expect(try files(temporary.file("1") + "/" + step) == files(folder + "/" + step), "\(ranks), \(step)")
            }
            for name in ["metrics.jsonl", "latest", "best"] {
                #expect(
                    FileManager.default.contentsEqual(
                        atPath: temporary.file("1") + "/" + name, andPath: folder + "/" + name))
            }
        }
    }

    @Test func `a run goes on with another number of ranks as if it had not stopped`() throws {
        let example = try DraftExample(sequences: 50, pool: pool)
        let recipe = try example.recipe(Self.drawing)
        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        try train(example, recipe, whole, ranks: 1)
        try train(example, recipe, parts, ranks: 4, stopAfter: 3)
        try train(example, recipe, parts, ranks: 2, resume: true, stopAfter: 2)
        try train(example, recipe, parts, ranks: 1, resume: true, stopAfter: 1)
        try train(example, recipe, parts, ranks: 8, resume: true)
        let last = try #require(try RunFolder(path: whole).steps().last)
        #expect(try files(whole + "/" + RunFolder.name(step: last)) == files(parts + "/" + RunFolder.name(step: last)))
    }

    @Test func `slices change a step by its rounding alone, and threads not at all`() throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let records = try [0, 1, 2, 8, 16].map { slices in
            try example.train(
                example.recipe(Self.still + ["training.slices=\(slices)"]), example.temporary.file("\(slices)"))
        }
        for sliced in records.dropFirst() {
            #expect(sliced.count == records[0].count)
            for (one, other) in zip(records[0], sliced) {
                #expect(one.number("tokens") == other.number("tokens"))
                for name in ["loss", "grad_norm", "validation_loss"] {
                    guard let expected = one.number(name) else { continue }
                    let found = try #require(other.number(name))
                    #expect(abs(found - expected) < 2e-4 * abs(expected), "\(name): \(found), not \(expected)")
                }
            }
        }
        var threaded = example
        threaded.pool = ThreadPool(threadCount: 3)
        let recipe = try example.recipe(Self.drawing)
        try example.train(recipe, example.temporary.file("one"))
        try threaded.train(recipe, example.temporary.file("three"))
        let last = try #require(try RunFolder(path: example.temporary.file("one")).steps().last)
        let name = "/" + RunFolder.name(step: last)
        #expect(try files(example.temporary.file("one") + name) == files(example.temporary.file("three") + name))
    }

    @Test func `summands in bfloat16 change a step by their rounding alone`() throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let records = try ["float32", "bfloat16"].map { exchange in
            try example.train(
                example.recipe(Self.still + ["training.slices=8", "training.gradient_exchange=\(exchange)"]),
                example.temporary.file(exchange))
        }
        let norms = records.map { $0.compactMap { $0.number("grad_norm") } }
        #expect(norms[0] != norms[1] && norms[0].count == norms[1].count)
        for (one, other) in zip(norms[0], norms[1]) { #expect(abs(one - other) < 0.02 * one) }
        #expect(throws: RecipeError.self) {
            try example.recipe(["training.gradient_exchange=bfloat16"]).checkExchange()
        }
        #expect(throws: RecipeError.self) { try example.recipe(["training.gradient_exchange=half"]) }
    }

    @Test(arguments: [1, 2]) func `steps are told part by part, in a file and in the report`(ranks: Int) throws {
        let example = try DraftExample(sequences: 50, pool: pool)
        let (recipe, run) = (try example.recipe(Self.drawing + ["training.epochs=1"]), example.temporary.file("run"))
        let records = try train(example, recipe, run, ranks: ranks)
        let lines = try String(contentsOfFile: run + "/timeline.jsonl", encoding: .utf8).split(separator: "\n")
        let timelines = lines.compactMap { StepTimeline(json: String($0)) }
        #expect(timelines.count == lines.count && timelines.allSatisfy { $0.ranks.count == ranks })
        // Not the first step, and the last in any case.
        #expect(timelines.map(\.step) == Array(2...records.count).filter { $0 <= 4 || $0 == records.count })
        let values = try example.task(recipe).parameters.trainableCount
        for timeline in timelines { #expect(timeline.ranks.reduce(0) { $0 + $1.momentBytes } == 8 * values) }
        for spans in timelines.flatMap(\.ranks).map(\.spans) {
            func numbers(_ part: StepTimeline.Part) -> [Int] { spans.filter { $0.part == part }.map(\.number) }
            #expect(Set(numbers(.forward)).count == 8 / ranks && numbers(.move) == [0])
            #expect(numbers(.reduceScatter) == (ranks == 1 ? [] : [0]))
            #expect(numbers(.allGather) == (ranks == 1 ? [] : [0]))
        }
        let page = try String(contentsOfFile: run + "/report.html", encoding: .utf8)
        #expect(page.contains("Steps over time") && page.contains("<h3>Step \(records.count)</h3>"))
        #expect(page.contains("rank 0") && page.contains(">reduce-scatter<") == (ranks > 1))
    }

    @Test(arguments: [1, 2, 4]) func `a slice with a value that is not finite is left out by name`(ranks: Int) throws {
        let example = try DraftExample(sequences: 40, poisoned: [3: .nan, 17: .infinity], pool: pool)
        let skipping = try example.recipe(Self.drawing + ["training.epochs=1", "data.validation_fraction=0"])
        let records = try train(example, skipping, example.temporary.file("run"), ranks: ranks)
        #expect(records.allSatisfy { $0.number("loss")?.isFinite ?? false })
        let last = try #require(try RunFolder(path: example.temporary.file("run")).latest())
        #expect(try TrainingState(path: last + "/state.json").skippedBatches > 0)

        let stopping = try example.recipe(Self.drawing + ["data.validation_fraction=0", "training.on_nonfinite=stop"])
        let shared = example
        let results = ThreadedRanks.run(ranks) { cluster in
            var own = shared
            own.pool = ThreadPool(threadCount: 1)
            _ = try own.train(stopping, own.temporary.file("stopped"), on: cluster)
        }
        for (rank, result) in results.enumerated() {
            guard case .failure(let error) = result else {
                Issue.record("rank \(rank) went on")
                continue
            }
            if rank > 0 { #expect(error is FailedElsewhere) } else { #expect("\(error)".contains("dialogue-")) }
        }
    }

    @Test func `ranks that see different folders are refused`() throws {
        let example = try DraftExample(sequences: 20, pool: pool)
        let recipe = try example.recipe(Self.drawing + ["training.epochs=1"])
        try example.train(recipe, example.temporary.file("0"))
        let shared = example
        let results = ThreadedRanks.run(2) { cluster in
            var own = shared
            own.pool = ThreadPool(threadCount: 1)
            _ = try own.train(recipe, own.temporary.file("\(cluster.rank)"), on: cluster, resume: true)
        }
        guard case .failure(let error) = results[0] else {
            Issue.record("went on")
            return
        }
        #expect("\(error)".contains("rank 1 finds none"))
    }

    @Test func `what slices cannot do is refused by name`() throws {
        func problem(_ settings: String...) -> String {
            do {
                _ = try Recipe(toml: "", source: "test", settings: settings)
                return ""
            } catch { return "\(error)" }
        }
        #expect(problem("training.slices=8").isEmpty)
        #expect(problem("training.slices=6").contains("training.slices must be a power of two"))
        #expect(problem("training.slices=-1").contains("training.slices"))
        #expect(problem("training.slices=8", "glance.schedule=adaptive").contains("glance.schedule cannot be"))
        #expect(problem("training.slices=8", "glance.schedule=adaptive", "glance.enabled=false").isEmpty)

        let results = try ThreadedRanks.run(16) { cluster in
            (
                try Recipe(toml: "", source: "test").shared(by: cluster).training.slices,
                try? Recipe(toml: "", source: "test", settings: ["training.slices=8"]).shared(by: cluster)
            )
        }.map { try $0.get() }
        #expect(results.allSatisfy { $0.0 == 16 && $0.1 == nil })
        #expect(try Recipe(toml: "", source: "test").shared(by: SingleProcess()).training.slices == 8)
    }

    // MARK: The layout

    @Test(arguments: [1, 2, 8]) func `every value belongs to one rank, and tiles end with parameters`(
        ranks: Int
    ) throws {
        let counts = [7, 40, 0, 1, 100, 16]
        let layout = ShareLayout(counts: counts, ranks: ranks, tile: 16, bucket: 50)
        #expect(layout.tiles.allSatisfy { !$0.range.isEmpty && $0.range.upperBound <= counts[$0.parameter] })
        #expect(layout.buckets.allSatisfy { $0.count <= 50 })
        #expect((0..<ranks).map(layout.count(of:)).reduce(0, +) == counts.reduce(0, +))
        for (parameter, owners) in layout.owners {
            #expect(owners.map(\.stretch.range.count).reduce(0, +) == counts[parameter])
            #expect(
                zip(owners, owners.dropFirst()).allSatisfy {
                    $0.stretch.range.upperBound == $1.stretch.range.lowerBound
                })
        }
        for rank in 0..<ranks {
            let kept = layout.kept(by: rank).flatMap { $0 }
            #expect(kept.map(\.range.count).reduce(0, +) == layout.count(of: rank))
            #expect(zip(kept, kept.dropFirst()).allSatisfy { $0.start + $0.range.count == $1.start })
        }
        // Numbers that each rank has for its tiles come back in the tiles' order.
        let parts = (0..<ranks).map { rank in
            layout.buckets.flatMap { $0.tiles.ranges[rank] }.map { pow(3, Double($0)) }
        }
        #expect(layout.sum(parts) == layout.tiles.indices.map { pow(3, Double($0)) }.reduce(0, +))
    }
}
