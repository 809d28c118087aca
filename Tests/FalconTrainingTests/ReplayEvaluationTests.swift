import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct ReplayEvaluationTests {
    private let pool = ThreadPool(threadCount: 2)

    @Test func `the last evaluation is what replaying the saved head gives, chain and tree`() throws {
        let example = try DraftExample(pool: pool)
        let recipe = try example.recipe([
            "training.max_steps=20", "evaluation.tree=small", "evaluation.depths=3", "evaluation.dialogues=7",
        ])
        let run = example.temporary.file("run")
        let last = try #require(try example.train(recipe, run).last)
        // The checkpoint's files, through the types of falcon-infer.
        let ends = example.target.packed(on: pool)
        let head = try DraftHead(folder: run + "/step-000020", ends: ends, pool: pool)
        let store = try FeatureStore(folder: example.shards)
        let heldOut = store.split(validationFraction: recipe.data.validationFraction).validation
        #expect(heldOut.count > 7)
        for (tree, name, shares) in [
            ("chain:3", "accept_length_chain", "acceptance_by_depth_chain"),
            ("small", "accept_length_tree", "acceptance_by_depth"),
        ] {
            let replay = FeatureReplay(
                ends: ends, head: head, tree: try TokenTree.select(tree, blockSize: 2),
                stop: StopRule(endTokens: ends.configuration.eosTokens, maximumTokens: 512))
            var statistics = AcceptStatistics()
            for index in heldOut.prefix(7) {
                for answer in replay.replay(try store.sequence(at: index), on: pool) {
                    statistics.add(answer.decoded.statistics)
                }
            }
            #expect(statistics.targetPasses > 0 && statistics.acceptedDraftTokens > 0)
            #expect(last[name] == .number(statistics.acceptLength))
            #expect(last[shares] == .numbers(statistics.acceptanceByDepth))
        }
        // The answers are what the target would say: nothing is cut, and the estimate is the count.
        #expect(last.number("text_agreement") == 1)
        #expect(last["accept_length_tree_estimate"] == last["accept_length_tree"])
    }

    @Test func `a sample is the shortest beginning with enough tokens, alone and within the whole`() throws {
        func result(_ tokens: Int) -> ReplayEvaluation.Result {
            var result = ReplayEvaluation.Result()
            result.textTokens = tokens
            return result
        }
        let limit = ReplayEvaluation.sampleTokens
        func sample(_ tokens: [Int]) -> [Int] {
            let sample = ReplayEvaluation.Results(dialogues: tokens.map(result)).sample
            return [sample.count, sample.result.textTokens]
        }
        #expect(sample([limit, 5]) == [1, limit] && sample([limit - 1, 5, 9]) == [2, limit + 4])
        #expect(sample([3, 4]) == [2, 7] && sample([]) == [0, 0] && sample([0, 0, limit + 1, 1]) == [3, limit + 1])

        let example = try DraftExample(sequences: 200, pool: pool)
        let task = try example.task(try example.recipe())
        let record = try task.evaluate()
        let count = try #require(record.number("sample_dialogues"))
        #expect(count >= 1 && count < 40)
        // The same figures when nothing but the sample is decoded, by however many threads.
        for threads in [1, 3] {
            let pool = ThreadPool(threadCount: threads)
            let store = try FeatureStore(folder: example.shards)
            let replay = try ReplayEvaluation(
                recipe: task.recipe, target: example.target, source: store,
                indices: store.split(validationFraction: 0.2).validation, pool: pool)
            let ends = example.target.packed(on: pool)
            var seen: [Int] = []
            let results = try replay.evaluate(
                DraftHead(task.network, ends: ends, pool: pool), ends: ends, isSample: true
            ) { seen.append($0) }
            #expect(Double(results.sample.count) == count && seen.last == results.dialogues.count)
            #expect(record["sample_accept_length_tree"] == .number(results.sample.result.tree.acceptLength))
            #expect(record["sample_accept_length_chain"] == .number(results.sample.result.chain.acceptLength))
        }
    }

    @Test func `the best checkpoint is that of the greatest accept length`() throws {
        let example = try DraftExample(pool: pool)
        let recipe = try example.recipe([
            "evaluation.every_steps=4", "training.max_steps=24", "training.keep_checkpoints=1",
            "evaluation.dialogues=8", "optimizer.learning_rate=0.05",
        ])
        let run = example.temporary.file("run")
        let records = try example.train(recipe, run)
        let lengths = records.compactMap { record in
            record.number("accept_length_tree").map { (step: Int(record.number("step") ?? 0), length: $0) }
        }
        #expect(lengths.count == 6)
        // The first of equals.
        let best = try #require(lengths.max { $0.length < $1.length || ($0.length == $1.length && $0.step > $1.step) })
        #expect(try String(contentsOfFile: run + "/best", encoding: .utf8) == RunFolder.name(step: best.step) + "\n")
        #expect(try RunFolder(path: run).steps() == Set([best.step, 24]).sorted())
    }

    @Test func `without dialogues the estimate decides, and nothing is decoded`() throws {
        let example = try DraftExample(sequences: 40, pool: pool)
        let task = try example.task(try example.recipe(["evaluation.dialogues=0"]))
        let evaluation = try task.evaluate()
        #expect(evaluation["accept_length_tree"] == nil && evaluation["accept_length_chain"] == nil)
        #expect(task.merit(of: evaluation) == evaluation.number("validation_accept_length"))
        #expect(evaluation.number("validation_accept_length") != nil)
    }

    @Test func `the figures do not depend on the number of threads`() throws {
        var results: [MetricRecord] = []
        for threads in [1, 3] {
            let example = try DraftExample(sequences: 60, pool: ThreadPool(threadCount: threads))
            results.append(try example.task(try example.recipe()).evaluate())
        }
        #expect(results[0] == results[1])
    }
}
