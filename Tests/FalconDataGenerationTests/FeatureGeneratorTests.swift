import FalconDataGeneration
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

@Suite struct FeatureGeneratorTests {
    /// A target, a data set and an output folder.
    private struct Scene {
        let folder = try? TemporaryFolder()
        let options: GenerationOptions

        init(chats: String = TinyTarget.chats(11)) throws {
            guard let folder else { throw CocoaError(.fileWriteUnknown) }
            let target = try TinyTarget.write(into: folder)
            let dataset = try folder.write(chats, to: "chats.json")
            var options = GenerationOptions(target: target, dataset: dataset, output: folder.path + "/out")
            options.conversationsPerShard = 4
            options.storage = .float32
            self.options = options
        }

        func changed(_ change: (inout GenerationOptions) throws -> Void) rethrows -> GenerationOptions {
            var changed = options
            try change(&changed)
            return changed
        }
    }

    private func generate(
        _ options: GenerationOptions, threads: Int = 1, progress: (FeatureGenerator.Progress) throws -> Void = { _ in }
    ) throws -> GenerationReport {
        try FeatureGenerator(options, pool: ThreadPool(threadCount: threads)).run(progress: progress)
    }

    private func digests(_ folder: String) throws -> [String] {
        try ShardManifest(folder: folder).shards.map(\.sha256)
    }

    @Test func `shards hold the template's tokens and masks and the target's features`() throws {
        let scene = try Scene()
        let pool = ThreadPool(threadCount: 1)
        let report = try generate(scene.options)
        #expect(report.written == 11 && report.input == 11 && report.shardsMade == 3)
        let store = try FeatureStore(folder: scene.options.output)
        let model = try TargetModel(folder: scene.options.target, pool: pool)
        let tokenizer = try Tokenizer(folder: scene.options.target)
        try store.requireFingerprints(target: model.fingerprint, tokenizer: tokenizer.fingerprint)
        #expect(store.sequences.map(\.id) == (0..<11).map { "chat-\($0)" })
        let dialogues = try ChatDataset.read(scene.options.dataset).dialogues
        let encoder = DialogueEncoder(try ChatTemplate.style("chatml"), tokenizer)
        for index in 0..<store.count {
            let sequence = try store.sequence(at: index)
            let expected = try encoder.encode(dialogues[index])
            #expect(sequence.tokens == expected.ids)
            #expect(sequence.lossMask == expected.lossMask)
            let cache = model.makeCache(capacity: sequence.length)
            #expect(sequence.features == model.forward(sequence.tokens, cache: cache, on: pool))
        }
        #expect(report.tokens == store.sequences.reduce(0) { $0 + $1.length })
    }

    @Test func `what the target says of the next token is stored on request`() throws {
        let scene = try Scene()
        let options = scene.changed {
            ($0.teacherEntries, $0.storage, $0.output) = (5, .int8, scene.options.output + "-statistics")
        }
        _ = try generate(options, threads: 2)
        let model = try TargetModel(folder: options.target, pool: ThreadPool(threadCount: 1))
        _ = try generate(scene.options)
        let (store, plain) = (try FeatureStore(folder: options.output), try FeatureStore(folder: scene.options.output))
        #expect(store.description.teacherEntries == 5 && plain.description.teacherEntries == nil)
        for index in 0..<store.count {
            // Of the features before they were rounded.
            let features = try plain.sequence(at: index).features
            let expected = TeacherStatistics(
                logits: model.logits(features, on: ThreadPool(threadCount: 1)), entryCount: 5)
            #expect(try store.sequence(at: index).statistics == expected)
        }
        let other = scene.changed { ($0.teacherEntries, $0.storage, $0.output) = (6, .int8, options.output) }
        #expect(refusal(other)?.contains("teacher_entries is 6, not 5") == true)
        let many = scene.changed { ($0.teacherEntries, $0.output) = (259, options.output + "-many") }
        #expect(refusal(many)?.contains("has 258 tokens, fewer than") == true)
    }

    @Test func `neither threads, parts nor batches change a byte`() throws {
        let scene = try Scene()
        _ = try generate(scene.options)
        let expected = try digests(scene.options.output)
        let ways: [(Int, Int?, [String])] = [
            (3, nil, ["1/1"]), (2, 1, ["1/1"]), (1, 40, ["2/2", "1/2"]), (1, nil, ["4/4", "3/4", "2/4", "1/4"]),
        ]
        for (index, way) in ways.enumerated() {
            let output = scene.options.output + "\(index)"
            for part in way.2 {
                let options = try scene.changed {
                    $0.output = output
                    $0.batchTokens = way.1
                    $0.part = try #require(RunPart(part))
                }
                _ = try generate(options, threads: way.0)
            }
            #expect(try digests(output) == expected, "\(way)")
        }
    }

    @Test func `an interrupted run leaves whole shards only, and a rerun goes on behind them`() throws {
        struct Stop: Error {}
        let scene = try Scene()
        _ = try generate(scene.options)
        let expected = try digests(scene.options.output)
        let options = scene.changed {
            $0.output += "-interrupted"
            $0.batchTokens = 1
        }
        #expect(throws: Stop.self) {
            _ = try generate(options) { progress in
                if progress.conversations == 6 { throw Stop() }
            }
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: options.output).sorted() == [
                "manifest.json", "manifest.lock", "shard-00000.h5", "shard-00000.json",
            ])
        let generator = try FeatureGenerator(options, pool: ThreadPool(threadCount: 1))
        #expect(generator.conversationCount == 11 && generator.finishedCount == 4)
        var counts: [Int] = []
        let report = try generator.run { counts.append($0.conversations) }
        #expect(counts.first == 5 && counts.last == 11)
        #expect(report.shardsKept == 1 && report.shardsMade == 2 && report.written == 11)
        #expect(try digests(options.output) == expected)
        let again = try generate(options)
        #expect(again.shardsMade == 0 && again.shardsKept == 3 && again.tokens == report.tokens)
    }

    @Test func `every conversation of the input is written, skipped or failed`() throws {
        let long = String(repeating: "long ", count: 30)
        let scene = try Scene(
            chats: """
                {"id": "good", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
                {"id": "silent", "conversations": [{"from": "human", "value": "a"}]}
                not JSON
                {"id": "late", "conversations": [{"from": "human", "value": "\(long)"}, {"from": "gpt", "value": "b"}]}
                {"id": "cut", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "\(long)"}]}
                {"id": "odd", "conversations": 5}
                """)
        let report = try generate(scene.options)
        #expect(report.input == 6 && report.written == 2 && report.truncated == 1)
        #expect(report.failed.isEmpty)
        #expect(
            report.skipped == [
                "its row cannot be read: is not JSON": 1, "its row cannot be read: its messages are no list": 1,
                "the assistant says nothing": 1,
                "the assistant says nothing within the greatest length": 1,
            ])
        let store = try FeatureStore(folder: scene.options.output)
        #expect(store.sequences.map(\.id) == ["good", "cut"])
        // The model's own 96 positions are fewer than the 2048 that were asked for.
        #expect(store.sequences[1].length == TinyTarget.maxPositions)
        #expect(report.lines[0] == "2 written + 4 skipped + 0 failed = 6 conversations")
    }

    @Test func `a range takes these conversations only`() throws {
        let scene = try Scene()
        let report = try generate(scene.changed { $0.range = ConversationRange("3:8") })
        #expect(report.input == 5)
        let store = try FeatureStore(folder: scene.options.output)
        #expect(store.sequences.map(\.id) == (3..<8).map { "chat-\($0)" })
    }

    @Test func `a data set compressed with zstd is read`() throws {
        let scene = try Scene()
        let path = Fixtures.path("datasets/three-chats.jsonl.zst")
        #expect(try generate(scene.changed { $0.dataset = path }).written == 3)
        let file = try MappedFile(path: path)
        let cut = try #require(scene.folder).write(file.bytes(0..<file.count - 9), to: "cut.jsonl.zst")
        #expect(refusal(scene.changed { $0.dataset = cut })?.contains("in the middle of a zstd frame") == true)
    }

    @Test func `what would change the contents of a folder is refused by its name`() throws {
        let scene = try Scene()
        _ = try generate(scene.options)
        let changes: [(String, (inout GenerationOptions) -> Void)] = [
            ("dtype is int8, not float32", { $0.storage = .int8 }),
            ("max_length is 50, not 96", { $0.maxLength = 50 }),
            ("conversations_per_shard is 5, not 4", { $0.conversationsPerShard = 5 }),
            ("range is 0:7, not 0:11", { $0.range = ConversationRange("0:7") }),
            ("template is llama3, not ", { $0.template = TemplateChoice("llama3") }),
            ("template_arguments is {\"a\":1}", { $0.template.arguments.append("a", .integer(1)) }),
        ]
        for (words, change) in changes { #expect(refusal(scene.changed(change))?.contains(words) == true) }
        let folder = try #require(scene.folder)
        try folder.write(TinyTarget.chats(12), to: "chats.json")
        #expect(refusal(scene.changed { $0.range = ConversationRange("0:11") })?.contains("dataset_sha256 is") == true)
        try folder.write(TinyTarget.chats(11), to: "chats.json")
        _ = try TinyTarget.write(into: folder, seed: 2)
        #expect(refusal(scene.options)?.contains("target_fingerprint is") == true)
    }

    @Test func `wrong input is refused in one line before any work`() throws {
        let scene = try Scene()
        let folder = try #require(scene.folder)
        let file = try folder.write("neither { JSON", to: "text.json")
        let empty = try folder.write("[]", to: "empty.json")
        let silent = try folder.write(#"[{"conversations": [{"from": "human", "value": "a"}]}]"#, to: "silent.json")
        let cases: [(String, (inout GenerationOptions) -> Void)] = [
            ("text.json: is neither JSON nor JSON lines", { $0.dataset = file }),
            ("nothing.json: no such file", { $0.dataset = folder.file("nothing.json") }),
            ("0 readable conversations", { $0.dataset = empty }),
            ("its only conversation is not of use: the assistant says nothing", { $0.dataset = silent }),
            ("no such folder", { $0.target = folder.file("nothing") }),
            ("--template", { $0.template = TemplateChoice("alpaca") }),
            ("cannot make this folder", { $0.output = file }),
        ]
        for (words, change) in cases {
            let message = refusal(scene.changed(change))
            #expect(message?.contains(words) == true, "\(message ?? "no error") instead of \(words)")
            #expect(message?.contains("\n") == false)
        }
    }

    @Test(arguments: [
        ("1/1", true), ("2/3", true), ("0/2", false), ("3/2", false), ("1", false), ("a/b", false), ("1/2/3", false),
    ])
    func `parts are written I of N`(text: String, isValid: Bool) {
        #expect((RunPart(text) != nil) == isValid)
    }

    @Test func `ranges may leave out either end`() {
        #expect(ConversationRange("2:5")?.range(in: 10) == 2..<5)
        #expect(ConversationRange(":5")?.range(in: 3) == 0..<3)
        #expect(ConversationRange("2:")?.range(in: 10) == 2..<10)
        #expect(ConversationRange("20:")?.range(in: 10).isEmpty == true)
        for text in ["", "5", "5:2", "3:3", "-1:4", "a:b", "1:2:3"] { #expect(ConversationRange(text) == nil) }
    }

    private func refusal(_ options: GenerationOptions) -> String? {
        do {
            _ = try generate(options)
            return nil
        } catch { return "\(error)" }
    }
}
