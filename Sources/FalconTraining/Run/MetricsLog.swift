import FalconTensor
import Foundation

/// `metrics.jsonl`: one JSON object for each logged step, added as the run goes.
package final class MetricsLog {
    package let path: String
    private let handle: FileHandle

    /// Opens the log for adding.
    ///
    /// - Parameters:
    ///   - step: the step that the run goes on from. Lines of later steps, which a killed run logged after its last
    ///     checkpoint, are dropped: they will be logged again.
    /// - Throws: `FileError` where the file cannot be read or written.
    package init(path: String, resumingAfter step: Int) throws {
        self.path = path
        try AtomicFile.write(path, text: MetricsLog.lines(path: path, upTo: step).map { $0 + "\n" }.joined())
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw FileError(path, "cannot be opened for writing")
        }
        self.handle = handle
        try MetricsLog.naming(path) { _ = try handle.seekToEnd() }
    }

    deinit { try? handle.close() }

    package func append(_ record: MetricRecord) throws { try append(line: record.json) }

    func append(line: String) throws {
        try MetricsLog.naming(path) { try handle.write(contentsOf: Data((line + "\n").utf8)) }
    }

    /// Makes what was logged last through a power cut; called with every checkpoint.
    package func synchronize() throws {
        // A device has nothing that could last.
        guard FileKind(path) == .plain else { return }
        try MetricsLog.naming(path) { try handle.synchronize() }
    }

    /// The whole lines of a log up to and with a step. A line that was cut by a crash is left out.
    static func lines(path: String, upTo step: Int) -> [String] {
        // A link to a device may have no end.
        guard FileKind(path) == .plain, let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init).filter { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let logged = object?["step"] as? Int else { return false }
            return logged <= step
        }
    }

    private static func naming(_ path: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            throw FileError(path, "cannot be written: \((error as NSError).localizedDescription)")
        }
    }
}
