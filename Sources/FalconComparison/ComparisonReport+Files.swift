import FalconTensor
import Foundation

extension ComparisonReport {
    /// The names of the files that a folder gets.
    package static let fileNames = ["compare.json", "compare.html", "compare.md"]

    /// Writes `compare.json`, `compare.html` and `compare.md`, each whole or not at all.
    ///
    /// - Throws: `FileError` where one cannot be written.
    package func write(to folder: String) throws {
        try AtomicFile.write(folder + "/compare.json", text: try json)
        try AtomicFile.write(folder + "/compare.html", text: ComparisonPage(self).html)
        try AtomicFile.write(folder + "/compare.md", text: ComparisonTable(self).text + "\n")
    }

    /// The report as it stands in `compare.json`: names in lower case with underscores, sorted.
    package var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            encoder.keyEncodingStrategy = .convertToSnakeCase
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }

    /// Reads `compare.json`.
    package init(json data: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(ComparisonReport.self, from: data)
    }
}
