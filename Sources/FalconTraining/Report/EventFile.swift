import FalconTensor
import Foundation

/// Writes scalars that TensorBoard shows, as a record file of `Event` messages.
///
///     | 8 bytes: length | 4: masked CRC32C of these | message | 4: masked CRC32C of the message |
///
/// The messages are protocol buffers: `Event {1: wall_time, 2: step, 3: file_version | 5: Summary {1: Value {1: tag,
/// 2: simple_value}}}`.
package final class EventFile {
    package let path: String
    private let handle: FileHandle

    /// Starts a file in `folder`. TensorBoard reads all of a folder's files as one run.
    ///
    /// - Parameter time: seconds since 1970, which the name starts with.
    /// - Throws: `FileError` where it cannot be made.
    package init(folder: String, time: Double) throws {
        path = folder + "/events.out.tfevents.\(Int(time)).falcon"
        let first = EventFile.record(EventFile.double(1, time) + EventFile.bytes(3, Array("brain.Event:2".utf8)))
        try AtomicFile.write(path) { try $0.write(first) }
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw FileError(path, "cannot be opened for writing; choose another output folder")
        }
        self.handle = handle
        _ = try? handle.seekToEnd()
    }

    deinit { try? handle.close() }

    /// Adds every number of a record at its step; the values of a list get the tags `name/0`, `name/1`, ...
    package func append(_ record: MetricRecord, step: Int, time: Double) throws {
        var summary: [UInt8] = []
        func add(_ tag: String, _ value: Double) {
            guard value.isFinite else { return }
            summary += EventFile.bytes(1, EventFile.bytes(1, Array(tag.utf8)) + EventFile.float(2, Float(value)))
        }
        for (name, value) in record.entries where name != "step" {
            switch value {
            case .whole(let whole): add(name, Double(whole))
            case .number(let number): add(name, number)
            case .numbers(let numbers): for (index, number) in numbers.enumerated() { add("\(name)/\(index)", number) }
            case .text, .document: break
            }
        }
        let event = EventFile.double(1, time) + EventFile.whole(2, UInt64(step)) + EventFile.bytes(5, summary)
        do {
            try handle.write(contentsOf: Data(EventFile.record(event)))
        } catch {
            throw FileError(path, "cannot be written: \((error as NSError).localizedDescription)")
        }
    }

    // MARK: The wire format

    static func record(_ message: [UInt8]) -> [UInt8] {
        let length = little(UInt64(message.count))
        return length + little(CRC32C.masked(length)) + message + little(CRC32C.masked(message))
    }

    private static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var (rest, result) = (value, [UInt8]())
        while rest >= 0x80 {
            result.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }

    private static func whole(_ field: UInt64, _ value: UInt64) -> [UInt8] { varint(field << 3) + varint(value) }
    private static func double(_ field: UInt64, _ value: Double) -> [UInt8] {
        varint(field << 3 | 1) + little(value.bitPattern)
    }
    private static func bytes(_ field: UInt64, _ value: [UInt8]) -> [UInt8] {
        varint(field << 3 | 2) + varint(UInt64(value.count)) + value
    }
    private static func float(_ field: UInt64, _ value: Float) -> [UInt8] {
        varint(field << 3 | 5) + little(value.bitPattern)
    }
}
