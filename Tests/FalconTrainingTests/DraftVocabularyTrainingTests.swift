import FalconShards
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

@testable import FalconDraft
@testable import FalconTraining

/// A run with a draft vocabulary: how it is chosen, learned with, kept and resumed.
@Suite struct DraftVocabularyTrainingTests {
    let pool = ThreadPool(threadCount: 2)

    /// Sequences that are tokens and nothing else.
    struct Texts: FeatureSequences {
        let texts: [(tokens: [Int32], mask: [UInt8])]
        var statistics: TeacherStatistics?
        var path: String { "texts" }
        var description: ShardDescription {
            ShardDescription(
                hiddenSize: 1, storage: .float32, maxLength: 64, targetFingerprint: "", tokenizerFingerprint: "")
        }
        var sequences: [(id: String, length: Int)] {
            texts.enumerated().map { ("\($0.offset)", $0.element.tokens.count) }
        }
        var fingerprint: (name: String, digest: String) { ("texts", "") }
        func lossMask(_ index: Int) -> [UInt8] { texts[index].mask }
        func text(_ index: Int) -> (tokens: [Int32], statistics: TeacherStatistics?) {
            (texts[index].tokens, statistics)
        }
        func batch(_ indices: [Int], limit: Int?, on pool: ThreadPool) -> [FeatureSequence] { [] }
    }

    @Test func `The tokens that answers hold most are taken, the lower id where two are as frequent`() throws {
        let texts = Texts(texts: [
            ([9, 9, 9, 5, 4, 4, 7], [0, 0, 0, 1, 1, 1, 1]), ([5, 7, 7, 2, 6], [1, 1, 1, 1, 0]), ([3, 3], [0, 0]),
        ])
        let count = try VocabularyCount(texts, [0, 1, 2], maxLength: 64, vocabulary: 12)
        #expect(count.counts.map { $0 >> 20 } == [0, 0, 1, 0, 2, 2, 0, 3, 0, 0, 0, 0])
        #expect(count.most(2, required: []).tokens == [4, 7])
        #expect(count.most(3, required: []).tokens == [4, 5, 7])
        // What nobody said comes last, by id; what must be there comes first.
        #expect(count.most(6, required: []).tokens == [0, 1, 2, 4, 5, 7])
        #expect(count.most(3, required: [11]).tokens == [4, 7, 11])
        #expect(abs(count.coverage(of: count.most(2, required: [])) - 5 / 8) < 1e-9)
        #expect(count.fewest(coverage: 0.5, required: []).isWhole)
        // Cut off, and in another order.
        #expect(try VocabularyCount(texts, [0], maxLength: 4, vocabulary: 12).counts.map { $0 >> 20 }[5] == 1)
        #expect(try VocabularyCount(texts, [2, 1, 0], maxLength: 64, vocabulary: 12).counts == count.counts)
        #expect(throws: FileError.self) { try VocabularyCount(texts, [0], maxLength: 64, vocabulary: 7) }
    }

    @Test func `By coverage as few are taken as do, in whole panels`() throws {
        // Token t comes up 200 - t times.
        let tokens = (0..<Int32(200)).flatMap { [Int32](repeating: $0, count: 200 - Int($0)) }
        let count = try VocabularyCount(
            Texts(texts: [(tokens, tokens.map { _ in 1 })]), [0], maxLength: .max, vocabulary: 300)
        let subset = count.fewest(coverage: 0.5, required: [299])
        #expect(subset.count == 64 && subset.contains(299) && count.coverage(of: subset) >= 0.5)
        #expect(count.fewest(coverage: 1, required: []).count == 224)
    }

    @Test func `What the target would say counts by its probability`() throws {
        let statistics = TeacherStatistics(
            entryCount: 2, tokens: [4, 5, 6, 4], logProbabilities: [log(0.5), log(0.25), log(0.75), log(0.125)],
            logNormalizers: [0, 0])
        // The row behind token 0 is of an answer's token; that behind token 1 is of nothing.
        let count = try VocabularyCount(
            Texts(texts: [([1, 2], [0, 1])], statistics: statistics), [0], maxLength: 64, vocabulary: 8)
        let shares = count.counts.map { Double($0) / Double(1 << 20) }
        for (token, share) in [0, 0, 1, 0, 0.5, 0.25, 0, 0].enumerated() { #expect(abs(shares[token] - share) < 1e-5) }
    }

    private func files(_ folder: String) throws -> [String: Data] {
        try ["model.safetensors", "optimizer.safetensors", "config.json"].reduce(into: [:]) {
            $0[$1] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $1))
        }
    }

    @Test(arguments: [nil, 4]) func `A head learns to rank the tokens of its vocabulary`(entries: Int?) throws {
        let example = try DraftExample(teacherEntries: entries, pool: pool)
        var settings = ["draft.vocabulary_size=12", "glance.lambda=0.2"]
        if entries != nil { settings.append("loss.teacher=stored") }
        var lines: [String] = []
        let folder = example.temporary.file("run")
        let task = try DraftTraining(
            recipe: example.recipe(settings), target: example.target, tokenizer: "tokenizer",
            source: try FeatureStore(folder: example.shards), pool: pool, log: { lines.append($0) })
        #expect(task.network.vocabulary?.count == 12)
        #expect(lines.contains { $0.hasPrefix("draft vocabulary: 12 of 16 tokens, ") })
        let records = try example.train(example.recipe(settings), folder)
        let accuracy = records.compactMap { record -> Double? in
            guard case .numbers(let values) = record["accuracy_top1"] else { return nil }
            return values.first
        }
        let (first, last) = (try #require(accuracy.first), try #require(accuracy.last))
        // Twelve of sixteen tokens, all as frequent: a quarter of the labels is out of reach and counts as wrong.
        #expect(last > first && last > 0.5 && last < 0.95)
        let checkpoint = folder + "/" + RunFolder.name(step: try #require(RunFolder(path: folder).steps().last))
        let weights = try WeightFolder(path: checkpoint)
        #expect(weights.shape(of: "d2t") == [12] && weights.shape(of: "t2d") == [16])
    }

    @Test func `A run that is stopped and resumed leaves the same bytes, and no other vocabulary goes on from it`()
        throws
    {
        let example = try DraftExample(pool: pool)
        let recipe = try example.recipe(["draft.vocabulary_size=10", "training.epochs=3"])
        let (whole, parts) = (example.temporary.file("whole"), example.temporary.file("parts"))
        try example.train(recipe, whole)
        try example.train(recipe, parts, stopAfter: 4)
        try example.train(recipe, parts, resume: true)
        let steps = try RunFolder(path: whole).steps()
        #expect(try steps.last == RunFolder(path: parts).steps().last)
        let last = "/" + RunFolder.name(step: steps[steps.count - 1])
        #expect(try files(whole + last) == files(parts + last))
        for setting in ["draft.vocabulary_size=11", "draft.vocabulary_coverage=0.9"] {
            let other = try example.recipe(
                ["draft.vocabulary_size=\(setting.hasSuffix("11") ? 10 : 0)", "training.epochs=3", setting])
            let error = #expect(throws: FileError.self) { try example.train(other, parts, resume: true) }
            #expect(error?.problem.contains("draft.vocabulary_") == true, "\(String(describing: error))")
        }
    }

    @Test func `All tokens are no draft vocabulary, with the bytes of none`() throws {
        let example = try DraftExample(pool: pool)
        var bytes: [[String: Data]] = []
        for (number, setting) in ["draft.vocabulary_size=0", "draft.vocabulary_size=16", "draft.vocabulary_size=999"]
            .enumerated()
        {
            let folder = example.temporary.file("run-\(number)")
            try example.train(example.recipe(["training.epochs=1", setting]), folder)
            let step = try #require(RunFolder(path: folder).steps().last)
            bytes.append(try files(folder + "/" + RunFolder.name(step: step)))
        }
        #expect(bytes[1] == bytes[0] && bytes[2] == bytes[0])
    }

    @Test func `A size and a coverage together are refused, and so are shares beyond 1`() throws {
        let example = try DraftExample(pool: pool)
        for (settings, words) in [
            (["draft.vocabulary_size=8", "draft.vocabulary_coverage=0.9"], "draft.vocabulary_coverage"),
            (["draft.vocabulary_coverage=99.5"], "vocabulary_coverage"),
            (["draft.vocabulary_size=-1"], "vocabulary_size"),
        ] {
            let error = #expect(throws: RecipeError.self) { try example.recipe(settings) }
            #expect(String(describing: error).contains(words))
        }
    }
}
