import FalconTensor
import Foundation

/// A file of JSON lines that grows line by line: what was measured survives whatever ends the process.
final class LineLog<Line: Codable> {
    let path: String
    private(set) var lines: [Line]
    private let handle: FileHandle

    /// Opens the log, made where it is missing. A line that was cut when the process was killed is dropped, and those
    /// behind it.
    ///
    /// - Throws: `FileError` where the file cannot be read or written.
    init(path: String) throws {
        self.path = path
        lines = LineLog.read(path)
        // Also where nothing was cut: a killed process may have left half a line without an end.
        try AtomicFile.write(path, text: lines.map { try LineLog.text(of: $0) }.joined())
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw FileError(path, "cannot be opened for writing")
        }
        self.handle = handle
        do { try handle.seekToEnd() } catch { throw LineLog.unwritten(path, error) }
    }

    deinit { try? handle.close() }

    /// The whole lines of a log; none where there is no file.
    static func read(_ path: String) -> [Line] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        var lines: [Line] = []
        for text in data.split(separator: UInt8(ascii: "\n")) {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text)) else { break }
            lines.append(line)
        }
        return lines
    }

    func append(_ line: Line) throws {
        let text = try LineLog.text(of: line)
        do { try handle.write(contentsOf: Data(text.utf8)) } catch { throw LineLog.unwritten(path, error) }
        lines.append(line)
    }

    private static func text(of line: Line) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(line), as: UTF8.self) + "\n"
    }

    private static func unwritten(_ path: String, _ error: any Error) -> FileError {
        FileError(path, "cannot be written: \(FileError.reason(error))")
    }
}
