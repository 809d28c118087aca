import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct ReportTests {
    @Test func `the checksum is Castagnoli's`() {
        // RFC 3720, appendix B.4, and the usual check value.
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    }

    @Test func `an event file is a chain of whole records`() throws {
        let temporary = try TemporaryFolder()
        let file = try EventFile(folder: temporary.path, time: 1_700_000_000)
        var record = MetricRecord()
        record["step"] = .whole(3)
        record["loss"] = .number(0.5)
        record["accuracy"] = .numbers([0.25, .nan])
        try file.append(record, step: 3, time: 1_700_000_001)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file.path)))
        var (position, messages) = (0, [[UInt8]]())
        while position < bytes.count {
            let length = bytes[position..<position + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
            let message = Array(bytes[position + 12..<position + 12 + length])
            #expect(Array(bytes[position..<position + 16 + length]) == EventFile.record(message))
            messages.append(message)
            position += 16 + length
        }
        #expect(messages.count == 2)
        #expect(String(decoding: messages[0], as: UTF8.self).contains("brain.Event:2"))
        // Event {1: double, 2: 3, 5: Summary {1: Value {1: "loss", 2: 0.5f}, 1: Value {"accuracy/0", 0.25f}}}
        let loss: [UInt8] = [0x0a, 11, 0x0a, 4] + Array("loss".utf8) + [0x15, 0, 0, 0, 0x3f]
        let accuracy: [UInt8] = [0x0a, 17, 0x0a, 10] + Array("accuracy/0".utf8) + [0x15, 0, 0, 0x80, 0x3e]
        #expect(
            Array(messages[1].dropFirst(9)) == [0x10, 3, 0x2a, UInt8(loss.count + accuracy.count)] + loss + accuracy)
    }

    @Test func `the report is one file with a curve for each value`() throws {
        let temporary = try TemporaryFolder()
        let lines = (1...1200).map { step in
            "{\"step\":\(step),\"loss\":\(1.0 / Double(step)),\"lambda\":0.4,\"accuracy_top1\":[0.5,0.25]}"
        }
        let metrics = try temporary.write(lines.joined(separator: "\n"), to: "metrics.jsonl")
        let path = temporary.file("report.html")
        try TrainingReport(metrics: metrics, recipe: "a < b", title: "run & report").write(path)
        let page = try String(contentsOfFile: path, encoding: .utf8)
        #expect(page.contains("run &amp; report") && page.contains("a &lt; b"))
        #expect(page.components(separatedBy: "<polyline").count - 1 == 4)
        #expect(!page.contains("nan") && !page.contains("<script"))
        #expect(page.utf8.count < 100_000)
    }

    @Test func `the report tells the last step, the last evaluation and the best one`() throws {
        let temporary = try TemporaryFolder()
        let lines = (1...4).map { step in
            let evaluation =
                step == 1
                ? ""
                : """
                ,"validation_loss":\(9 - step),"validation_accept_length":2.5,"text_agreement":0.75,\
                "accept_length_tree":\(step == 3 ? 1.875 : 1.125),"accept_length_chain":0.625,\
                "acceptance_by_depth":[0.5,null,0.25],"acceptance_by_depth_chain":[]
                """
            return "{\"step\":\(step),\"epoch\":0,\"tokens\":100,\"loss\":\(step)\(evaluation)}"
        }
        let metrics = try temporary.write(lines.joined(separator: "\n") + "\n{\"step\":5,\"lo", to: "metrics.jsonl")
        let path = temporary.file("report.html")
        try TrainingReport(metrics: metrics, recipe: "", title: "run").write(path)
        let page = try String(contentsOfFile: path, encoding: .utf8)
        for row in [
            "<tr><th></th><th>last step</th><th>last evaluation</th><th>best</th></tr>",
            "<tr><td>step</td><td>4</td><td>4</td><td>3</td></tr>",
            "<tr><td>validation loss</td><td>5</td><td>5</td><td>6</td></tr>",
            "<tr><td>accept length, tree</td><td>1.125</td><td>1.125</td><td>1.875</td></tr>",
            "<td>share of the text that is the target's own</td>", "400 tokens in the logged steps",
            "tree, step 2", "tree, step 4", "Acceptance by depth",
        ] {
            #expect(page.contains(row), "\(row)")
        }
        #expect(!page.contains("chain, step") && !page.contains("nan"))
    }
}
