import FalconDataGeneration
import FalconDecoding
import FalconDraft
import FalconModels
import FalconNN
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import FalconWeights
import Foundation
import Testing

@Suite struct RegenerationTests {
    @Test func `greedy answers are what the stored features say, to their last token`() throws {
        let scene = try RegenerationScene()
        let report = try scene.generate(scene.options)
        #expect(report.written == 9 && report.input == 11)
        #expect(
            report.skipped == [
                "its question leaves no room for an answer": 1, "its row cannot be read: its messages are no list": 1,
            ])
        let pool = ThreadPool(threadCount: 1)
        let store = try FeatureStore(folder: scene.options.output)
        let ends = try EmbeddingAndHead(folder: scene.options.target, pool: pool)
        var (longest, whole) = (0, 0)
        for index in 0..<store.count {
            let sequence = try store.sequence(at: index)
            let answer = sequence.lossMask.reversed().prefix { $0 == 1 }.count
            #expect((1...12).contains(answer))
            let first = sequence.length - answer
            let choices = ends.greedyTokens(sequence.features.rows(first - 1..<sequence.length - 1), on: pool)
            #expect(choices == Array(sequence.tokens[first...]))
            longest = max(longest, answer)
            let isWhole = (180..<258).contains(sequence.tokens[sequence.length - 1])
            whole += isWhole ? 1 : 0
            // No answer goes on behind a token that ends it.
            #expect(!sequence.tokens[first...].dropLast().contains { (180..<258).contains($0) })
        }
        #expect(report.truncated == store.count - whole && longest > 1 && whole > 0)
    }

    @Test func `a run that stopped within a dialogue goes on to the same files`() throws {
        let scene = try RegenerationScene()
        try scene.generate(scene.options)
        let expected = try scene.files(scene.options.output)
        for bytes in [0, 1, 300, 700, 1400] {
            var options = scene.options
            options.output = scene.folder.file("stopped-\(bytes)")
            let journal = try #require(expected["shard-00000.regenerated.jsonl"])
            try scene.folder.write(Array(journal.prefix(bytes)), to: "stopped-\(bytes)/shard-00000.regenerated.jsonl")
            try scene.generate(options)
            #expect(try scene.files(options.output) == expected, "\(bytes)")
        }
        var options = scene.options
        options.output = scene.folder.file("damaged")
        try scene.folder.write("{\"row\": 0, \"id\": \"other\"}\nnonsense", to: "damaged/shard-00000.regenerated.jsonl")
        try scene.generate(options)
        #expect(try scene.files(options.output) == expected)
    }

    @Test func `the answers can be read as a data set, and give the same tokens and features`() throws {
        let scene = try RegenerationScene()
        try scene.generate(scene.options)
        var options = scene.options
        options.regeneration = nil
        options.output = scene.folder.file("again")
        options.dataset = scene.options.output + "/shard-00000.regenerated.jsonl"
        try scene.generate(options)
        let (first, again) = (
            try FeatureStore(folder: scene.options.output), try FeatureStore(folder: options.output)
        )
        #expect(again.count == 4)
        for index in 0..<4 { #expect(try again.sequence(at: index) == first.sequence(at: index)) }
    }

    @Test func `a draft head changes no greedy answer, and sampling follows its seed`() throws {
        let scene = try RegenerationScene()
        try scene.generate(scene.options)
        let expected = try scene.files(scene.options.output)
        let draft = scene.folder.file("draft")
        try FileManager.default.createDirectory(atPath: draft, withIntermediateDirectories: true)
        let target = try ModelConfiguration(folder: scene.options.target)
        let configuration = DraftConfiguration(target: target, blockSize: 2, fusion: .gated)
        try DraftNetwork(configuration, .random(RandomSource(seed: 4))).write(folder: draft)
        var options = scene.options
        options.output = scene.folder.file("drafted")
        options.regeneration = RegenerationOptions(draft: draft, tree: "chain:4", maxNewTokens: 12)
        // Its copy of the embedding is random: another target's, as far as anybody can tell.
        var refused = options
        refused.output = scene.folder.file("refused")
        #expect(throws: FileError.self) { try scene.generate(refused) }
        options.regeneration?.allowsOtherTarget = true
        try scene.generate(options)
        #expect(try scene.files(options.output) == expected)

        for (tree, batch) in [("auto", 1), ("auto", 3), ("dynamic", 4), ("dynamic:5", 2)] {
            options.output = scene.folder.file("\(tree)-\(batch)")
            options.regeneration?.tree = tree
            options.regeneration?.batch = .texts(batch)
            options.regeneration?.planSeconds = 0
            let generator = try FeatureGenerator(options, pool: ThreadPool(threadCount: 1))
            #expect(generator.notes.contains { $0.hasPrefix(tree) }, "\(generator.notes)")
            _ = try generator.run { _ in }
            #expect(try scene.files(options.output) == expected, "\(tree)")
            options.regeneration?.sampling = SamplingRule(temperature: 1)
            let refusal = #expect(throws: (any Error).self) { try scene.generate(options) }
            #expect("\(try #require(refusal))".contains("--tree \(tree) follows measured times"))
            options.regeneration?.sampling = .greedy
        }

        var sampled: [[String: Data]] = []
        for (name, seed) in [("x", UInt64(1)), ("y", 1), ("z", 2)] {
            options.output = scene.folder.file(name)
            options.regeneration = RegenerationOptions(
                sampling: SamplingRule(temperature: 1, topP: 0.9, seed: seed), maxNewTokens: 12)
            try scene.generate(options)
            sampled.append(try scene.files(options.output))
        }
        #expect(sampled[0] == sampled[1])
        #expect(sampled[0]["shard-00000.regenerated.jsonl"] != sampled[2]["shard-00000.regenerated.jsonl"])
        let settings = try ShardManifest(folder: options.output).settings
        #expect(settings["regenerate"] == "temperature 1.0, top_k 0, top_p 0.9, seed 2, max_new_tokens 12")
        options.regeneration = nil
        #expect(throws: FileError.self) { try scene.generate(options) }
    }

    @Test func `rows that are tokens already are taken as they are`() throws {
        let scene = try RegenerationScene()
        var options = scene.options
        options.regeneration = nil
        options.maxLength = 5
        options.dataset = try scene.folder.write(
            """
            {"id": "tokens", "input_ids": [256, 65, 10, 66], "loss_mask": [0, 0, 0, 1]}
            {"id": "cut", "input_ids": [256, 65, 10, 66, 67, 68], "loss_mask": [0, 0, 0, 1, 1, 1]}
            {"id": "short", "input_ids": [256, 65], "loss_mask": [0]}
            {"id": "unmasked", "input_ids": [256, 65]}
            {"id": "foreign", "input_ids": [256, 70000], "loss_mask": [0, 1]}
            """, to: "tokens.jsonl")
        let report = try scene.generate(options)
        #expect(report.written == 2 && report.truncated == 1 && report.input == 5)
        #expect(report.failed == ["it has a token that the target does not know": 1])
        #expect(report.skipped.keys.contains("its row cannot be read: 'input_ids' and 'loss_mask' differ in length"))
        let sequence = try FeatureStore(folder: options.output).sequence(at: 0)
        #expect(sequence.tokens == [256, 65, 10, 66] && sequence.lossMask == [0, 0, 0, 1])
    }
}
