import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct RunFolderTests {
    private func write(_ folder: RunFolder, step: Int, keep: Int = 0) throws {
        try folder.writeCheckpoint(step: step, keep: keep) { path in
            try AtomicFile.write(path + "/state.json", text: "\(step)")
        }
    }

    @Test func `a checkpoint is whole, noted as latest, and older ones are rotated out`() throws {
        let temporary = try TemporaryFolder()
        let folder = try RunFolder(path: temporary.file("a/run"))
        #expect(try folder.latest() == nil)
        for step in [5, 10, 15, 20] { try write(folder, step: step, keep: 2) }
        #expect(try folder.steps() == [15, 20])
        #expect(try folder.latest() == folder.path + "/step-000020")
        #expect(try String(contentsOfFile: folder.path + "/latest", encoding: .utf8) == "step-000020\n")
    }

    @Test func `a checkpoint that fails half-way leaves nothing behind`() throws {
        let temporary = try TemporaryFolder()
        let folder = try RunFolder(path: temporary.file("run"))
        try write(folder, step: 1)
        struct Failure: Error {}
        #expect(throws: FileError.self) {
            try folder.writeCheckpoint(step: 2, keep: 0) { path in
                try AtomicFile.write(path + "/model.safetensors", text: "half")
                throw Failure()
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["latest", "step-000001"])
        #expect(try folder.latest() == folder.path + "/step-000001")
    }

    @Test func `what a killed run left half-written is cleared`() throws {
        let temporary = try TemporaryFolder()
        try temporary.write("half", to: "run/.partial-step-000007/model.safetensors")
        try temporary.write("whole", to: "run/step-000003/state.json")
        let folder = try RunFolder(path: temporary.file("run"))
        let lock = try folder.lock()
        let error = #expect(throws: FileError.self) { _ = try folder.lock() }
        #expect(error?.problem.hasPrefix("another process trains here") == true)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["run.lock", "step-000003"])
        withExtendedLifetime(lock) {}
        #expect(try folder.latest() == folder.path + "/step-000003")
    }

    @Test func `writing a step again replaces it`() throws {
        let temporary = try TemporaryFolder()
        let folder = try RunFolder(path: temporary.file("run"))
        try write(folder, step: 3)
        try folder.writeCheckpoint(step: 3, keep: 0) { try AtomicFile.write($0 + "/state.json", text: "again") }
        #expect(try String(contentsOfFile: folder.path + "/step-000003/state.json", encoding: .utf8) == "again")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["latest", "step-000003"])
    }

    @Test func `a folder that cannot be made is refused in one line`() throws {
        let temporary = try TemporaryFolder()
        let file = try temporary.write("a file", to: "file")
        do {
            _ = try RunFolder(path: file + "/run")
            Issue.record("accepted")
        } catch {
            #expect("\(error)".hasPrefix(file + "/run: cannot be made"), "\(error)")
            #expect(!"\(error)".contains("\n"))
        }
    }

    @Test func `metrics are one JSON object a line, and cut at the resumed step`() throws {
        let temporary = try TemporaryFolder()
        let path = temporary.file("metrics.jsonl")
        var log = try MetricsLog(path: path, resumingAfter: 0)
        for step in 1...4 {
            var record = MetricRecord()
            record["step"] = .whole(step)
            record["loss"] = .number(step == 2 ? .nan : 0.5)
            record["accuracy_top1"] = .numbers([0.25, 0.125])
            record["note"] = .text("a \"quoted\" word")
            try log.append(record)
        }
        try log.synchronize()
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"step\":5,\"lo".utf8))
        try handle.close()
        log = try MetricsLog(path: path, resumingAfter: 3)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(
            lines[1] == #"{"step":2,"loss":null,"accuracy_top1":[0.25,0.125],"note":"a \"quoted\" word"}"#)
    }

    @Test func `means are weighted over batches and totals are added`() {
        var one = MetricMeans()
        one.add("loss", sum: 4, weight: 2)
        one.add("accuracy", sums: [1, 0], weights: [2, 0])
        one.add("glanced", count: 3)
        one.set("lambda", to: 0.4)
        var two = MetricMeans()
        two.add("loss", sum: 2, weight: 4)
        two.add("accuracy", sums: [1, 1], weights: [2, 4])
        two.add("glanced", count: 4)
        one.add(two)
        let record = one.record
        #expect(record["loss"] == .number(1))
        #expect(record["accuracy"] == .numbers([0.5, 0.25]))
        #expect(record["glanced"] == .whole(7))
        #expect(record["lambda"] == .number(0.4))
    }
}
