import FalconJSON
import FalconTensor
import Foundation

/// A file of JSON lines that grows while a run goes on, and survives the run's end anywhere: who opens it again goes on
/// behind the last whole line that belongs to it.
final class LineJournal {
    let path: String
    private let file: FileHandle

    /// - Parameter take: gets the lines that are there already, in order, up to the first that is no JSON, is cut off
    ///   or is refused with `false`; that one and all behind it are removed.
    /// - Throws: `FileError` where the file cannot be read or written, and whatever `take` throws.
    init(path: String, take: (JSONValue) throws -> Bool) throws {
        self.path = path
        let content = FileManager.default.contents(atPath: path).map(Array.init) ?? []
        var start = 0
        while let end = content[start...].firstIndex(of: UInt8(ascii: "\n")),
            let value = try? JSONParser.parse(content, in: start..<end), try take(value)
        {
            start = end + 1
        }
        do {
            if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
            file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            try file.truncate(atOffset: UInt64(start))
            try file.seekToEnd()
        } catch {
            throw FileError(path, "cannot keep the answers: \(error.localizedDescription)")
        }
    }

    deinit { try? file.close() }

    func append(_ object: JSONObject) throws {
        do {
            try file.write(contentsOf: Data((JSONValue.object(object).text() + "\n").utf8))
        } catch {
            let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            throw FileError(path, "writing it failed: \((inner ?? error as NSError).localizedDescription)")
        }
    }

    /// Brings whole lines into another order; nothing may be appended afterwards.
    ///
    /// - Parameter key: of a line's number; what lines are sorted by.
    func sort(by key: (Int) -> Int) throws {
        let lines = (FileManager.default.contents(atPath: path).map(Array.init) ?? [])
            .split(separator: UInt8(ascii: "\n"))
        let order = lines.indices.sorted { key($0) < key($1) }
        guard order != Array(lines.indices) else { return }
        try AtomicFile.write(path) { file in
            for index in order { try file.write(Array(lines[index]) + [UInt8(ascii: "\n")]) }
        }
    }
}
