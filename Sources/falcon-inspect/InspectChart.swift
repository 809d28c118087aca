import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconPictures
import FalconTensor

struct InspectChart: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "chart",
        abstract: "Draws figures from a TOML file as a chart (SVG).",
        discussion: """
            Example: falcon-inspect chart docs/speeds.toml --output docs/speeds.svg

            The file has title, unit, series and groups (lists of names) and values (a list of numbers for each group).
            """)

    @Argument(help: "The figures.")
    var figures: String

    @Option(help: "The picture's file; - for standard output.")
    var output = "-"

    @OptionGroup var common: CommonOptions

    func run() throws {
        try RunFiles(inputs: [("the figures", figures)], files: [("--output", output)]).check()
        let picture = BarChart.lying(try FigureChart.read(figures)).file
        if RunFiles.isStandardOutput(output) {
            try StandardOutput.write(picture)
        } else {
            try AtomicFile.write(output, text: picture)
        }
    }
}
