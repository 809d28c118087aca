import FalconDataGeneration
import FalconTensor
import FalconTestSupport
import Foundation

/// A target whose answers are short: many tokens end them.
struct RegenerationScene {
    let folder: TemporaryFolder
    var options: GenerationOptions

    init(endTokens: Range<Int> = 180..<258) throws {
        folder = try TemporaryFolder()
        let target = try TinyTarget.write(into: folder)
        let path = target + "/config.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let ends = endTokens.map(String.init).joined(separator: ", ")
        try folder.write(
            text.replacingOccurrences(of: #""eos_token_id": 257"#, with: "\"eos_token_id\": [\(ends)]"),
            to: "target/config.json")
        let rows = (0..<9).map { row in
            let turns = (0...row % 3).map { #"{"role": "user", "content": "\#(row)\#($0)?"}"# }
            return #"{"id": "ask-\#(row)", "messages": [\#(turns.joined(separator: ", "))]}"#
        }
        let lines =
            rows + [
                #"{"id": "long", "prompt": "\#(String(repeating: "long ", count: 30))"}"#,
                #"{"id": "odd", "messages": 5}"#,
            ]
        options = GenerationOptions(
            target: target, dataset: try folder.write(lines.joined(separator: "\n"), to: "ask.jsonl"),
            output: folder.file("out"))
        options.conversationsPerShard = 4
        options.storage = .float32
        options.regeneration = RegenerationOptions(maxNewTokens: 12)
    }

    @discardableResult
    func generate(_ options: GenerationOptions) throws -> GenerationReport {
        try FeatureGenerator(options, pool: ThreadPool(threadCount: 1)).run { _ in }
    }

    func files(_ path: String) throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: path + "/" + $0))) })
    }
}
