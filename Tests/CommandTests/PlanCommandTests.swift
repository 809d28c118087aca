import FalconJSON
import FalconTestSupport
import Foundation
import Testing

/// `falcon-bench plan`: what a head takes on several machines.
@Suite struct PlanCommandTests {
    @Test(arguments: [([], 4), (["--gradient-exchange", "bfloat16"], 2)] as [([String], Double)])
    func `a plan counts the head's own weights, and its shares by rank`(exchange: [String], bytes: Double) throws {
        let folder = try TemporaryFolder()
        let json = folder.file("plan.json")
        let text = try PipelineCommandTests.succeed(
            "falcon-bench",
            [
                "plan", "--target-config", PipelineCommandTests.target + "/config.json", "--dialogues", "1001",
                "--tokens", "100", "--epochs", "3", "--ranks", "16", "--network", "1", "--json", json,
            ] + exchange)
        #expect(text.stdout.split(separator: "\n").count == 3 + 5)
        let plan = try JSONParser.parse(Array(Data(contentsOf: URL(fileURLWithPath: json))))
        // What falcon-train prints for this target and the paper's head.
        #expect(plan["parameters"]?.integer == 575_616)
        let rows = try #require(plan["rows"]?.array)
        #expect(rows.compactMap { $0["ranks"]?.integer } == [1, 2, 4, 8, 16])
        #expect(rows.compactMap { $0["batch"]?.integer } == [8, 8, 8, 8, 16])
        #expect(rows.compactMap { $0["steps"]?.integer } == [378, 378, 378, 378, 189])
        for row in rows {
            let ranks = try #require(row["ranks"]?.double)
            #expect(row["moment_bytes"]?.double == 8 * 575_616 / ranks)
            #expect(row["wire_bytes"]?.double == (bytes + 4) * 575_616 * (1 - 1 / ranks))
        }
        let first = try #require(rows.first)
        #expect(first["network_seconds"]?.double == 0 && first["hidden_network_seconds"]?.double == 0)
    }

    @Test(arguments: [
        (["--dialogues", "10"], "plan takes --target-config"), (["--ranks", "6"], "--ranks 6: give a power of two"),
        (["--network", "0"], "--network 0"), (["--tokens", "-1"], "--tokens"),
    ]) func `a plan without sense is wrong usage`(options: [String], words: String) throws {
        let result = try CommandRunner.run("falcon-bench", ["plan"] + options)
        #expect(result.status == 64 && result.stderr.contains(words), "\(result.stderr)")
        #expect(try CommandRunner.run("falcon-bench", ["kernels", "--ranks", "2"]).status == 64)
    }
}
