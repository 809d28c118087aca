import FalconTestSupport
import Foundation
import Testing

/// Many dialogues in a pass, through the commands.
@Suite struct BatchCommandTests {
    private let target = PipelineCommandTests.target
    private let chats = PipelineCommandTests.chats

    @Test(arguments: [
        ["--regenerate", "--batch", "0"], ["--regenerate", "--batch", "-1"], ["--regenerate", "--batch", "many"],
        ["--regenerate", "--batch", "1025"], ["--batch", "4"], ["--self-prompts", "5"], ["--system", "hi"],
        ["--cache-bytes", "1MB"], ["--regenerate", "--cache-bytes", "-1"], ["--regenerate", "--cache-bytes", "5 XB"],
        ["--regenerate", "--cache-bytes", ""],
    ])
    func `what cannot be meant is refused before work begins`(options: [String]) throws {
        let folder = try TemporaryFolder()
        let run = try CommandRunner.run(
            "falcon-gen-data", ["--target", target, "--dataset", chats, "--output", folder.file("out")] + options)
        #expect(run.status == 64 && run.stderr.hasPrefix("Error: "), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }

    @Test(arguments: [
        ["--self-prompts", "0"], ["--self-prompts", "3", "--turns", "0"],
        ["--self-prompts", "2", "--temperature", "0"], [],
    ])
    func `without a data set only whole orders are taken`(options: [String]) throws {
        let folder = try TemporaryFolder()
        let run = try CommandRunner.run(
            "falcon-gen-data", ["--target", target, "--output", folder.file("out")] + options)
        #expect(run.status == 64 && run.stderr.hasPrefix("Error: "), "\(run)")
    }

    @Test func `infer answers the same with any batch`() throws {
        let folder = try TemporaryFolder()
        func answers(_ batch: String) throws -> [String] {
            let file = folder.file("answers-\(batch).jsonl")
            let run = try CommandRunner.run(
                "falcon-infer",
                [
                    "--target", target, "--dataset", chats, "--limit", "7", "--max-new-tokens", "12", "--batch", batch,
                    "--answers", file, "--quiet",
                ])
            #expect(run.status == 0, "\(run)")
            return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { line in
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                let choices = object?["choices"] as? [[String: Any]]
                return "\(object?["question_id"] ?? ""): \(choices?.first?["turns"] ?? "")"
            }
        }
        let alone = try answers("1")
        #expect(alone.count == 7)
        #expect(try answers("3") == alone)
        #expect(try answers("64") == alone)
    }
}
