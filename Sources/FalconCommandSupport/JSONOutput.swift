import Foundation
import FalconTensor

/// Figures for other programs: one JSON object, keys sorted, for `--json FILE`.
package enum JSONOutput {
    /// Writes `value` to a file, whole or not at all, or to standard output where `path` is "-".
    ///
    /// - Parameter isPretty: over many lines; else in one.
    /// - Throws: `FileError` where it cannot be written or holds a number that JSON has no word for, `ReaderGone`.
    package static func write(_ value: some Encodable, to path: String, isPretty: Bool = true) throws {
        try write(text: try text(of: value, for: path, isPretty: isPretty), to: path)
    }

    /// The same of a value that is text already.
    package static func write(text: String, to path: String) throws {
        if RunFiles.isStandardOutput(path) {
            try StandardOutput.print(json: text)
        } else {
            try AtomicFile.write(path, text: text + "\n")
        }
    }

    /// The JSON text of `value`. `path` is named in the error only.
    package static func text(
        of value: some Encodable, for path: String = "-", isPretty: Bool = true
    ) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch let EncodingError.invalidValue(number, context) {
            let key = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw FileError(path, "cannot write the value \(number) of \(key) as JSON")
        }
    }
}
