import FalconTestSupport
import Foundation
import Testing

/// `falcon-bench draft` on a model and a head of one's own.
@Suite(.serialized) struct DraftBenchmarkCommandTests {
    @Test("a head is named with its target, and one of another target is refused")
    func namesBelongTogether() throws {
        let alone = try CommandRunner.run("falcon-bench", ["draft", "--draft", "head"])
        #expect(alone.status == 64 && alone.stderr.contains("--target"), "\(alone)")
        let other = try CommandRunner.run("falcon-bench", ["decode", "--target", "t", "--draft", "head"])
        #expect(other.status == 64 && other.stderr.contains("--draft is for draft"), "\(other)")
        let missing = try CommandRunner.run(
            "falcon-bench", ["draft", "--target", PipelineCommandTests.target, "--draft", "no-such-head"])
        #expect(missing.status == 1 && missing.stderr.contains("no-such-head"), "\(missing)")
    }

    @Test("a model of one's own gets a random head of the fusion asked for")
    func randomHead() throws {
        let run = try CommandRunner.run(
            "falcon-bench",
            ["draft", "--target", PipelineCommandTests.target, "--fusion", "gated", "--head-dtype", "int4"])
        #expect(run.status == 0, "\(run)")
        let object = try JSONSerialization.jsonObject(with: Data(run.stdout.utf8)) as? [String: Any]
        #expect(object?["fusion"] as? String == "gated" && object?["head_dtype"] as? String == "int4", "\(run)")
        #expect(object?["size"] as? String == PipelineCommandTests.target, "\(run)")
    }
}
