import FalconPictures
import FalconTOML
import FalconTensor
import Foundation

/// Figures in a file, to be drawn as a chart:
///
///     title = "Answers to three files of questions"
///     unit = "tokens/s"
///     series = ["plain", "with the head"]
///     groups = ["MT-bench", "GSM8K"]
///     values = [[149, 207], [148, 221]]        # a list for each group
package enum FigureChart {
    private static let keys = ["title", "unit", "series", "groups", "values"]
    /// More of either is no chart that anybody reads.
    private static let most = (series: Picture.Role.seriesCount, groups: 64)

    /// - Throws: `FileError` where the file cannot be read, is no TOML, or holds no figures that fit each other.
    package static func read(_ path: String) throws -> BarChart.Groups {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw FileError(path, "cannot be read: check that the file is there")
        }
        let table: TOMLTable
        do { table = try TOMLValue.parse(Array(bytes)) } catch { throw FileError(path, "is no TOML at \(error)") }
        for key in table.keys where !keys.contains(key) {
            throw FileError(path, "unknown key \(key): a chart has \(keys.joined(separator: ", "))")
        }
        func text(_ key: String) throws -> String {
            guard let text = table[key]?.text else { throw FileError(path, "\(key) must be a text in quotes") }
            return text
        }
        func names(_ key: String, most: Int) throws -> [String] {
            let names = table[key]?.list?.map(\.text) ?? []
            guard (1...most).contains(names.count), !names.contains(nil) else {
                throw FileError(path, "\(key) must be a list of 1 to \(most) names in quotes")
            }
            return names.compactMap { $0 }
        }
        let (series, groups) = (
            try names("series", most: most.series), try names("groups", most: most.groups)
        )
        let values = table["values"]?.list?.map { $0.list?.compactMap(number) ?? [] } ?? []
        guard values.count == groups.count, values.allSatisfy({ $0.count == series.count }) else {
            throw FileError(
                path,
                "values must hold \(groups.count) lists (groups) of \(series.count) numbers (series), none negative")
        }
        return BarChart.Groups(
            title: try text("title"), unit: try text("unit"), series: series, groups: groups, values: values)
    }

    private static func number(_ value: TOMLValue) -> Double? {
        let number: Double? =
            switch value {
            case .number(let number): number
            case .integer(let number): Double(number)
            default: nil
            }
        guard let number, number >= 0, number.isFinite else { return nil }
        return number
    }
}
