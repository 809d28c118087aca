import Foundation
import FalconTensor

/// Figures for other programs: one JSON object, keys sorted, for `--json FILE`.
package enum JSONOutput {
    /// Writes `value` to a file, whole or not at all, or to standard output where `path` is "-".
    ///
    /// - Throws: `FileError` where it cannot be written or holds a number that JSON has no word for.
    package static func write(_ value: some Encodable, to path: String) throws {
        let text = try text(of: value, for: path) + "\n"
        if path == "-" {
            FileHandle.standardOutput.write(Data(text.utf8))
        } else {
            try AtomicFile.write(path, text: text)
        }
    }

    /// The JSON text of `value`, pretty-printed. `path` is named in the error only.
    package static func text(of value: some Encodable, for path: String = "-") throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch let EncodingError.invalidValue(number, context) {
            let key = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw FileError(path, "cannot write the value \(number) of \(key) as JSON")
        }
    }
}
