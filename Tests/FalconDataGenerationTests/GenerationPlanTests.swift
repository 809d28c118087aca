import FalconDataGeneration
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct GenerationPlanTests {
    private struct Scene {
        let folder: TemporaryFolder
        var options: GenerationOptions

        init(chats: String) throws {
            folder = try TemporaryFolder()
            let target = try TinyTarget.write(into: folder)
            options = GenerationOptions(
                target: target, dataset: try folder.write(chats, to: "chats.json"), output: folder.file("out"))
            options.conversationsPerShard = 40
            options.storage = .float32
        }

        func generate(_ options: GenerationOptions) throws -> GenerationReport {
            try FeatureGenerator(options, pool: ThreadPool(threadCount: 2)).run { _ in }
        }

        /// Bytes of all files of a folder.
        func size(_ folder: String) throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { sum, name in
                let facts = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
                return sum + (facts[.size] as? Int ?? 0)
            }
        }
    }

    private var mixed: String {
        let long = String(repeating: "long ", count: 30)
        return TinyTarget.chats(100).dropLast()
            + """
            , {"id": "silent", "conversations": [{"from": "human", "value": "a"}]},
            {"id": "cut", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "\(long)"}]},
            {"id": "odd", "conversations": 5}]
            """
    }

    @Test func `a plan says what a run then does, and writes nothing`() throws {
        let scene = try Scene(chats: mixed)
        let before = try scene.folder.contents
        let plan = try GenerationPlan(scene.options, pool: ThreadPool(threadCount: 2))
        #expect(try scene.folder.contents == before)
        let report = try scene.generate(scene.options)
        #expect(plan.written == report.written && plan.input == report.input && plan.skipped == report.skipped)
        #expect(plan.tokens == report.tokens && plan.lossTokens == report.lossTokens)
        #expect(plan.cut == ["cut"] && plan.leftOut == ["silent": "the assistant says nothing"])
        #expect(plan.sizes.map(\.dtype) == FeatureStorage.allCases)
        let size = try #require(plan.sizes.first { $0.dtype == .float32 })
        #expect(size.rawBytes == report.tokens * (4 * TinyTarget.hiddenSize + 5))
        // The tiny target's shards are mostly metadata, which the probe's one shard has as well.
        #expect(abs(Double(size.estimatedBytes) / Double(report.bytes) - 1) < 0.25)
        #expect(plan.lines[0] == "101 written + 2 skipped + 0 failed = 103 conversations")
        #expect(plan.tokensPerSecond > 0 && plan.peakMemoryBytes > 0)
    }

    @Test func `a budget is never exceeded, and filled by rows of the whole input`() throws {
        let scene = try Scene(chats: TinyTarget.chats(400))
        var options = scene.options
        options.conversationsPerShard = 400
        let everything = try scene.generate(options).tokens
        var smaller: Set<String> = []
        for (index, kilobytes) in [80, 160, 320, 100_000].enumerated() {
            options.budget = ByteAmount(kilobytes * 1000)
            options.output = scene.folder.file("budget-\(index)")
            let report = try scene.generate(options)
            let size = try scene.size(options.output)
            #expect(size <= kilobytes * 1000, "\(size) bytes for \(kilobytes) kB")
            #expect(report.written + report.skipped.values.reduce(0, +) == 400 && report.input == 400)
            let ids = try FeatureStore(folder: options.output).sequences.map(\.id)
            #expect(smaller.isSubset(of: ids))
            smaller = Set(ids)
            if kilobytes < 1000 {
                #expect(report.tokens < everything && ids.contains { $0.count == "chat-399".count })
                #expect(size > kilobytes * 500)
            } else {
                #expect(report.tokens == everything)
            }
            let settings = try ShardManifest(folder: options.output).settings
            #expect(settings["budget_bytes"] == "\(kilobytes * 1000)")
            #expect(settings["budget_rows"]?.hasSuffix(" of 400") == true)
        }
    }

    @Test func `parts with a budget make the same shards as one process`() throws {
        let scene = try Scene(chats: TinyTarget.chats(300))
        var options = scene.options
        options.conversationsPerShard = 60
        options.budget = ByteAmount(200_000)
        options.output = scene.folder.file("one")
        _ = try scene.generate(options)
        let expected = try ShardManifest(folder: options.output).shards
        options.output = scene.folder.file("parts")
        for part in ["3/3", "1/3", "2/3"] {
            options.part = try #require(RunPart(part))
            _ = try scene.generate(options)
        }
        #expect(try ShardManifest(folder: options.output).shards == expected)
    }

    @Test func `a budget that holds nothing is refused`() throws {
        let scene = try Scene(chats: TinyTarget.chats(3))
        var options = scene.options
        options.budget = ByteAmount(5000)
        #expect(throws: FileError.self) { _ = try scene.generate(options) }
    }

    @Test func `exact repeats are named and, on request, left out`() throws {
        let rows = TinyTarget.chats(4).dropFirst().dropLast()
        let scene = try Scene(chats: "[\(rows), \(rows)]")
        let pool = ThreadPool(threadCount: 1)
        let kept = try FeatureGenerator(scene.options, pool: pool)
        #expect(kept.notes.contains { $0.hasPrefix("4 dialogues repeat an earlier one word for word, 'chat-0'") })
        #expect(try kept.run { _ in }.written == 8)
        var options = scene.options
        options.dropsDuplicates = true
        options.output = scene.folder.file("dropped")
        let report = try scene.generate(options)
        #expect(report.written == 4 && report.skipped == ["it repeats an earlier dialogue word for word": 4])
    }

    @Test(arguments: [
        ("20GB", 20_000_000_000), ("1.5 MiB", 1_572_864), ("4096", 4096), ("3kb", 3000), ("0", nil), ("GB", nil),
        ("-5", nil), ("5 parsecs", nil), ("1e9", nil), ("99999999TB", nil),
    ])
    func `amounts of bytes are read as people write them`(text: String, bytes: Int?) {
        #expect(ByteAmount(text)?.bytes == bytes)
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1500, "1.50 kB"), (886_061_896, "886 MB"), (20_000_000_000, "20.0 GB"),
    ])
    func `amounts of bytes are written with three digits`(bytes: Int, text: String) {
        #expect(ByteAmount(bytes).description == text)
    }
}

extension GenerationPlanTests {
    @Test func `plan and run agree on rows that are left out for any reason`() throws {
        let folder = try TemporaryFolder()
        let rows = [
            #"{"prompt":"q","completion":"a"}"#, #"{"prompt":"q","completion":""}"#, #"{"prompt":"q"}"#,
            #"{"prompt":"q","completion":"a","weight":0}"#, #"{"text":"raw"}"#, "{",
            #"{"prompt":"\#(String(repeating: "long ", count: 30))","completion":"a"}"#,
            #"{"prompt":"q","completion":"\#(String(repeating: "long ", count: 30))"}"#,
            #"{"input_ids":[300],"loss_mask":[1]}"#,
        ]
        let options = GenerationOptions(
            target: try TinyTarget.write(into: folder),
            dataset: try folder.write(rows.joined(separator: "\n"), to: "rows.jsonl"), output: folder.file("out"))
        let pool = ThreadPool(threadCount: 1)
        let plan = try GenerationPlan(options, pool: pool)
        let report = try FeatureGenerator(options, pool: pool).run { _ in }
        #expect(plan.written == report.written && plan.skipped == report.skipped && plan.failed == report.failed)
        #expect(plan.tokens == report.tokens && plan.cut.count == report.truncated && report.written == 2)
        #expect(report.skipped["its answers are empty"] == 1 && report.skipped["its answers have the weight 0"] == 1)
    }
}
