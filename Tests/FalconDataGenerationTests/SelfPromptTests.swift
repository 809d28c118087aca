import FalconDecoding
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

@testable import FalconDataGeneration

/// Dialogues that the target writes itself.
@Suite struct SelfPromptTests {
    private struct Stopped: Error {}

    private func options(
        _ scene: RegenerationScene, _ name: String, count: Int = 9, batch: Int = 3,
        change: (inout SelfPromptOptions) -> Void = { _ in }
    ) -> GenerationOptions {
        var prompts = SelfPromptOptions(count: count)
        prompts.maxTokens = 10
        change(&prompts)
        var options = GenerationOptions(
            target: scene.options.target, selfPrompts: prompts, output: scene.folder.file(name))
        (options.conversationsPerShard, options.storage) = (4, .float32)
        options.regeneration = RegenerationOptions(maxNewTokens: 12, batch: .texts(batch))
        return options
    }

    private func lines(_ folder: String) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: folder + "/self-prompts.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test func `as many dialogues as asked for, the dropped ones counted and kept with their reason`() throws {
        let scene = try RegenerationScene()
        let options = options(scene, "out", count: 12)
        let report = try scene.generate(options)
        let prompts = try #require(report.selfPrompts)
        #expect(report.written == 12 && report.input == 12 && prompts.kept == 12 && prompts.wanted == 12)
        #expect(prompts.attempts == 12 + prompts.dropped.values.reduce(0, +))
        // A random model writes bytes that are no text, and stops at once now and then.
        #expect(prompts.dropped["broken_text"] ?? 0 > 0 && prompts.dropped["empty"] ?? 0 > 0)
        let lines = try lines(options.output)
        #expect(lines.count == prompts.attempts + 1 && lines.last?["drawn_with"] != nil)
        for reason in prompts.dropped {
            #expect(lines.count { $0["dropped"] as? String == reason.key } == reason.value)
        }
        let kept = lines.compactMap { $0["messages"] as? [[String: Any]] }
        #expect(kept.count == 12 && kept.allSatisfy { $0.count == 1 && $0[0]["role"] as? String == "user" })
        let words = kept.compactMap { $0[0]["content"] as? String }
        #expect(Set(words.map(UserTurnDraft.normalForm)).count == 12)
        #expect(
            report.lines.contains { $0.hasPrefix("self-written prompts: 12 kept of \(prompts.attempts) attempts, ") })
        // Beside the shards they are a data set.
        var again = scene.options
        (again.dataset, again.output) = (options.output + "/self-prompts.jsonl", scene.folder.file("again"))
        #expect(try scene.generate(again).written == 12)
    }

    @Test func `neither batch nor threads, parts or interruptions change a byte`() throws {
        let scene = try RegenerationScene()
        try scene.generate(options(scene, "whole", batch: 1))
        let expected = try scene.files(scene.folder.file("whole"))
        #expect(expected["self-prompts.partial.jsonl"] == nil)
        for batch in [2, 40] {
            try scene.generate(options(scene, "batch-\(batch)", batch: batch))
            #expect(try scene.files(scene.folder.file("batch-\(batch)")) == expected, "\(batch)")
        }
        _ = try FeatureGenerator(options(scene, "two"), pool: ThreadPool(threadCount: 2)).run { _ in }
        #expect(try scene.files(scene.folder.file("two")) == expected)
        for part in ["2/2", "1/2"] {
            var options = options(scene, "parts")
            options.part = try #require(RunPart(part))
            try scene.generate(options)
        }
        #expect(try scene.files(scene.folder.file("parts")) == expected)
        // A part with a folder of its own writes the same prompts.
        var own = options(scene, "own")
        own.part = try #require(RunPart("2/2"))
        try scene.generate(own)
        #expect(try scene.files(own.output)["self-prompts.jsonl"] == expected["self-prompts.jsonl"])
        for limit in [1, 3, 8, 13, 34] {
            var passes = 0
            func count() throws {
                passes += 1
                if passes == limit { throw Stopped() }
            }
            let options = options(scene, "stopped-\(limit)", batch: 1 + limit % 4)
            do {
                let pool = ThreadPool(threadCount: 1)
                _ = try FeatureGenerator(options, pool: pool) { _ in try count() }.run { _ in try count() }
            } catch is Stopped {}
            try scene.generate(self.options(scene, "stopped-\(limit)", batch: 1 + limit % 3))
            #expect(try scene.files(options.output) == expected, "\(limit)")
        }
    }

    @Test func `the beginnings of an interrupted file are gone on with, whatever they are`() throws {
        let scene = try RegenerationScene()
        let whole = options(scene, "whole")
        try scene.generate(whole)
        let expected = try scene.files(whole.output)
        // Stopped in time, so that the file of attempts is there.
        let begun = options(scene, "begun")
        var passes = 0
        _ = try? FeatureGenerator(begun, pool: ThreadPool(threadCount: 1)) { _ in
            passes += 1
            if passes == 12 { throw Stopped() }
        }
        let partial = try Data(contentsOf: URL(fileURLWithPath: begun.output + "/self-prompts.partial.jsonl"))
        try #require(partial.split(separator: UInt8(ascii: "\n")).count > 3)
        for (number, count) in [0, 1, 200, partial.count - 1, partial.count].enumerated() {
            let options = options(scene, "cut-\(number)")
            try scene.folder.write(Array(partial.prefix(count)), to: "cut-\(number)/self-prompts.partial.jsonl")
            try scene.generate(options)
            #expect(try scene.files(options.output) == expected, "\(count)")
        }
    }

    @Test func `other settings are refused by name, in every state of the folder`() throws {
        let scene = try RegenerationScene()
        let changes: [(String, (inout SelfPromptOptions) -> Void)] = [
            ("drawing is", { $0.sampling = SamplingRule(temperature: 0.7) }),
            ("drawing is", { $0.sampling = SamplingRule(temperature: 1, seed: 9) }),
            ("drawing is", { $0.system = "Speak Dutch." }), ("drawing is", { $0.maxTokens = 9 }),
            ("holds the prompts for 9 dialogues, not 8", { $0.count = 8 }),
            ("random_streams is", { $0.turns = 2 }),
        ]
        try scene.generate(options(scene, "out"))
        for (words, change) in changes {
            let error = #expect(throws: FileError.self) { try scene.generate(options(scene, "out", change: change)) }
            #expect("\(try #require(error))".contains(words))
        }
        var passes = 0
        _ = try? FeatureGenerator(options(scene, "begun"), pool: ThreadPool(threadCount: 1)) { _ in
            passes += 1
            if passes == 3 { throw Stopped() }
        }
        let other = options(scene, "begun") { $0.sampling = SamplingRule(temperature: 0.7) }
        #expect(throws: FileError.self) { try scene.generate(other) }
        try scene.folder.write("{\"id\": \"self-0\"}\n", to: "half/self-prompts.jsonl")
        #expect(throws: FileError.self) { try scene.generate(options(scene, "half")) }
    }

    @Test func `several turns on request, each question behind the answer before`() throws {
        let scene = try RegenerationScene()
        let several: (inout SelfPromptOptions) -> Void = { $0.turns = 3 }
        let options = options(scene, "out", count: 16, batch: 1, change: several)
        let report = try scene.generate(options)
        let journal = try String(contentsOfFile: options.output + "/shard-00000.regenerated.jsonl", encoding: .utf8)
        #expect(journal.split(separator: "\n").count == 4)
        let store = try FeatureStore(folder: options.output)
        let dropped = try #require(report.selfPrompts).laterTurnsDropped
        #expect(dropped.values.reduce(0, +) > 0 && store.count == report.written)
        let all = try (0..<4).map {
            try String(contentsOfFile: options.output + "/shard-0000\($0).regenerated.jsonl", encoding: .utf8)
        }.joined()
        let rows = try all.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(rows.contains { ($0["messages"] as? [Any])?.count ?? 0 >= 4 })
        #expect(rows.count { $0["question_dropped"] != nil } == dropped.values.reduce(0, +))
        for batch in [4, 20] {
            try scene.generate(self.options(scene, "b\(batch)", count: 16, batch: batch, change: several))
            #expect(try scene.files(scene.folder.file("b\(batch)")) == scene.files(options.output))
        }
    }

    @Test func `a target that never ends a turn makes one line of error, and no folder that binds`() throws {
        let scene = try RegenerationScene(endTokens: 257..<258)
        let error = #expect(throws: FileError.self) { try scene.generate(options(scene, "out", count: 2, batch: 20)) }
        #expect("\(try #require(error))".contains("writes no user's turn of use: of 108 attempts all are dropped"))
        #expect(!FileManager.default.fileExists(atPath: scene.folder.file("out") + "/self-prompts.jsonl"))
    }

    @Test func `attempts are decided in their own order`() {
        let attempts = ["Hello?", "hello", "", "What now?", "HELLO!!", "And  you", "and you?", "Last"].map {
            SelfPromptAttempt(text: $0, fault: $0.isEmpty ? .empty : nil, tokens: 1)
        }
        var orders = [Array(attempts.indices), attempts.indices.reversed()]
        for seed in 0..<20 {
            orders.append(attempts.indices.sorted { ($0 * 31 + seed * 17) % 23 < ($1 * 31 + seed * 17) % 23 })
        }
        for order in orders {
            var tally = SelfPromptTally(wanted: 4, attemptLimit: 100)
            for number in order { tally.take(attempts[number], number: number) }
            #expect(tally.isComplete && tally.kept == 4 && tally.decided.count == 8)
            #expect(tally.dropped == [.duplicate: 3, .empty: 1])
            var few = SelfPromptTally(wanted: 2, attemptLimit: 100)
            for number in order { few.take(attempts[number], number: number) }
            #expect(few.decided.map(\.fault) == [nil, .duplicate, .empty, nil])
            var limited = SelfPromptTally(wanted: 4, attemptLimit: 3)
            for number in order { limited.take(attempts[number], number: number) }
            #expect(limited.isComplete && limited.kept == 1)
        }
    }
}
