import FalconDataGeneration
import FalconDecoding
import FalconShards
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Dialogues answered many at a time: the same files as one after the other, whatever happens on the way.
@Suite struct BatchedRegenerationTests {
    private struct Stopped: Error {}

    private func options(
        _ scene: RegenerationScene, _ name: String, batch: BatchSize, sampling: SamplingRule = .greedy
    ) -> GenerationOptions {
        var options = scene.options
        options.output = scene.folder.file(name)
        options.regeneration = RegenerationOptions(sampling: sampling, maxNewTokens: 12, batch: batch)
        return options
    }

    @Test(arguments: [0.0, 1.3]) func `any batch makes the same files to the bit`(temperature: Double) throws {
        let scene = try RegenerationScene()
        let rule = SamplingRule(temperature: temperature, seed: 5)
        try scene.generate(options(scene, "one", batch: .texts(1), sampling: rule))
        let expected = try scene.files(scene.folder.file("one"))
        for size in [BatchSize.texts(3), .texts(1024)] + (temperature == 0 ? [.automatic] : []) {
            for rows in [1, 4] {
                var options = options(scene, "\(size)-\(rows)", batch: size, sampling: rule)
                options.conversationsPerShard = rows
                let report = try scene.generate(options)
                #expect(report.written == 9 && report.answerTokens ?? 0 > 9)
                guard rows == scene.options.conversationsPerShard else { continue }
                #expect(try scene.files(options.output) == expected, "\(size)")
            }
        }
    }

    @Test func `two threads make the same files`() throws {
        let scene = try RegenerationScene()
        try scene.generate(options(scene, "one", batch: .texts(1)))
        let options = options(scene, "two", batch: .texts(3))
        _ = try FeatureGenerator(options, pool: ThreadPool(threadCount: 2)).run { _ in }
        #expect(try scene.files(options.output) == scene.files(scene.folder.file("one")))
    }

    @Test func `a run that is stopped after any pass goes on to the same files, with any batch`() throws {
        let scene = try RegenerationScene()
        try scene.generate(options(scene, "whole", batch: .texts(1)))
        let expected = try scene.files(scene.folder.file("whole"))
        for limit in [1, 2, 3, 5, 8, 13, 21] {
            var passes = 0
            let first = options(scene, "stopped-\(limit)", batch: .texts(1 + limit % 4))
            do {
                _ = try FeatureGenerator(first, pool: ThreadPool(threadCount: 1)).run { _ in
                    passes += 1
                    if passes == limit { throw Stopped() }
                }
            } catch is Stopped {}
            let second = options(scene, "stopped-\(limit)", batch: .texts(1 + limit % 3))
            try scene.generate(second)
            #expect(try scene.files(second.output) == expected, "\(limit)")
        }
    }

    @Test func `journals are read in any order, up to the first line that is cut or no line of the shard`() throws {
        let scene = try RegenerationScene()
        try scene.generate(options(scene, "whole", batch: .texts(3)))
        let expected = try scene.files(scene.folder.file("whole"))
        let journal = try #require(expected["shard-00000.regenerated.jsonl"])
        let lines = String(decoding: journal, as: UTF8.self).split(separator: "\n").map { String($0) + "\n" }
        try #require(lines.count == 4)
        func join(_ numbers: Int...) -> String { numbers.map { lines[$0] }.joined() }
        let beginnings: [String] = [
            join(3), join(2, 0), join(3, 1, 2, 0), join(1, 1, 2), join(1) + String(lines[3].dropLast(5)),
            join(2) + "{\"row\": 7, \"id\": \"ask-7\"}\n" + join(0), "\n\n",
            join(2).replacingOccurrences(of: "\"row\":2", with: "\"row\":99"),
        ]
        for (number, beginning) in beginnings.enumerated() {
            let options = options(scene, "begun-\(number)", batch: .texts(1 + number % 3))
            try scene.folder.write(beginning, to: "begun-\(number)/shard-00000.regenerated.jsonl")
            try scene.generate(options)
            #expect(try scene.files(options.output) == expected, "\(number)")
        }
    }

    @Test func `parts make the same shards as one process`() throws {
        let scene = try RegenerationScene()
        try scene.generate(options(scene, "whole", batch: .texts(2)))
        for part in ["2/3", "1/3", "3/3"] {
            var options = options(scene, "parts", batch: .texts(4))
            options.part = try #require(RunPart(part))
            try scene.generate(options)
        }
        #expect(try scene.files(scene.folder.file("parts")) == scene.files(scene.folder.file("whole")))
    }

    @Test func `drawn answers do not depend on the rows beside them`() throws {
        let scene = try RegenerationScene()
        let rule = SamplingRule(temperature: 1, seed: 3)
        try scene.generate(options(scene, "whole", batch: .texts(5), sampling: rule))
        var some = options(scene, "some", batch: .texts(2), sampling: rule)
        some.range = ConversationRange("4:8")
        try scene.generate(some)
        let whole = try FeatureStore(folder: scene.folder.file("whole"))
        let part = try FeatureStore(folder: some.output)
        for index in 0..<part.count {
            #expect(try part.sequence(at: index) == whole.sequence(at: index + 4))
        }
    }

    @Test func `folders whose answers were drawn otherwise are not gone on with`() throws {
        let scene = try RegenerationScene()
        let options = options(scene, "old", batch: .texts(2), sampling: SamplingRule(temperature: 1))
        try scene.generate(options)
        let path = options.output + "/manifest.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try #require(text.contains("random_streams"))
        let lines = text.split(separator: "\n").filter { !$0.contains("random_streams") }
        let old = lines.joined(separator: "\n").replacingOccurrences(of: ",\n    }", with: "\n    }")
        try Data(old.utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: FileError.self) { try scene.generate(options) }
        #expect("\(try #require(error))".contains("random_streams is by row, not unset"))
    }

    @Test func `repeated dialogues are left out before they are answered`() throws {
        let scene = try RegenerationScene()
        let row = #"{"id": "a", "messages": [{"role": "user", "content": "1?"}]}"#
        let again = #"{"id": "b", "messages": [{"role": "user", "content": "1?"}]}"#
        var options = options(scene, "twice", batch: .texts(3))
        options.dataset = try scene.folder.write([row, again, row].joined(separator: "\n"), to: "twice.jsonl")
        options.dropsDuplicates = true
        let report = try scene.generate(options)
        #expect(report.written == 1 && report.skipped["it repeats an earlier dialogue word for word"] == 2)
    }

    @Test func `a batch is a number or auto`() {
        #expect(BatchSize("auto") == .automatic && BatchSize("1") == .texts(1) && BatchSize("1024") == .texts(1024))
        for text in ["0", "-1", "1025", "", "many", "1.5", "AUTO", "99999999999999999999"] {
            #expect(BatchSize(text) == nil, "\(text)")
        }
    }
}
