import FalconTestSupport
import Foundation
import Testing

/// `falcon-bench batch`.
@Suite(.serialized) struct BatchBenchmarkCommandTests {
    @Test(arguments: [
        ["batch", "--texts", "0"], ["batch", "--texts", "1025"], ["batch", "--texts", "x"], ["decode", "--texts", "4"],
        ["batch", "--draft", "head"], ["batch", "--fusion", "gated"],
    ])
    func `what cannot be meant is refused`(arguments: [String]) throws {
        let run = try CommandRunner.run("falcon-bench", arguments)
        #expect(run.status == 64 && run.stderr.hasPrefix("Error: "), "\(run)")
    }

    @Test func `a model of one's own is measured by the number of texts, beside the bound`() throws {
        let run = try CommandRunner.run(
            "falcon-bench", ["batch", "--target", PipelineCommandTests.target, "--texts", "3"])
        #expect(run.status == 0, "\(run)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(run.stdout.utf8)) as? [String: Any])
        #expect(object["job"] as? String == "batch" && object["size"] as? String == PipelineCommandTests.target)
        #expect(object["texts"] as? Int == 3)
        for key in ["milliseconds_by_texts", "tokens_per_second_by_texts", "bound_by_texts"] {
            let curve = try #require(object[key] as? [String: Double], "\(key)")
            #expect(curve.keys.sorted() == ["1", "2", "3"] && curve.values.allSatisfy { $0 > 0 }, "\(key)")
        }
        let (rate, curve) = (object["tokens_per_second"] as? Double, object["tokens_per_second_by_texts"])
        #expect(rate == (curve as? [String: Double])?["3"])
        for key in ["milliseconds", "peak_memory_bytes", "gflops", "gigabytes_per_second", "share_of_bound"] {
            #expect(object[key] != nil, "\(key)")
        }
    }
}
