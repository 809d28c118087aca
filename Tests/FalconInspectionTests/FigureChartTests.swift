import FalconInspection
import FalconPictures
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct FigureChartTests {
    @Test func `the committed picture is what the committed figures give`() throws {
        let docs = Fixtures.repository + "/docs/"
        let chart = try FigureChart.read(docs + "speeds.toml")
        #expect(
            try BarChart.lying(chart).file == String(contentsOfFile: docs + "speeds.svg", encoding: .utf8),
            "run falcon-inspect chart docs/speeds.toml --output docs/speeds.svg")
    }

    @Test(arguments: [
        ("title = \"t", "is no TOML"), ("colour = 1", "unknown key colour"),
        ("title = \"t\"\nunit = \"u\"\nseries = []", "series must be a list of 1 to 8 names"),
        ("title = \"t\"\nunit = \"u\"\nseries = [\"a\"]\ngroups = [\"g\", 1]", "groups must be a list"),
        (
            "title = \"t\"\nunit = \"u\"\nseries = [\"a\"]\ngroups = [\"g\"]\nvalues = [[1, 2]]",
            "values must hold 1 lists"
        ),
        ("title = \"t\"\nunit = \"u\"\nseries = [\"a\"]\ngroups = [\"g\"]\nvalues = [[-1]]", "none negative"),
        ("unit = \"u\"\nseries = [\"a\"]\ngroups = [\"g\"]\nvalues = [[1]]", "title must be a text"),
    ])
    func `figures that make no chart are refused in one line`(text: String, message: String) throws {
        let folder = try TemporaryFolder()
        try text.write(toFile: folder.file("chart.toml"), atomically: true, encoding: .utf8)
        let error = #expect(throws: FileError.self) { try FigureChart.read(folder.file("chart.toml")) }
        let line = "\(try #require(error))"
        #expect(line.contains(message) && !line.contains("\n"), "\(line)")
    }
}
