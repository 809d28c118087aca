import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconInspection

struct InspectTree: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "Draws a draft tree and counts what it costs.",
        discussion: """
            Example: falcon-inspect tree --tree medium --block-size 2

            Known trees: \(TokenTree.names.joined(separator: ", ")), chain:D, or a TOML file.
            """)

    @Option(help: ArgumentHelp("The tree.", valueName: "NAME|FILE.toml|chain:D"))
    var tree: String

    @Option(help: "k, the tokens that one draft pass predicts.")
    var blockSize = 2

    @Flag(help: "Print the tree as a TOML file that --tree reads.")
    var toml = false

    @Option(help: "Write the layout as JSON to this file; - for standard output.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if toml { try OptionEffect.refuse([("--json", json != nil)], because: "and --toml print one tree two ways.") }
    }

    func run() throws {
        try RunFiles(inputs: [("--tree", tree)], files: [("--json", json)]).check()
        let tree = try TokenTree.select(tree, blockSize: blockSize)
        if toml {
            try StandardOutput.write(tree.toml)
        } else {
            try Figures.write(TreeDrawing.lines(tree), TreeLayout(tree), json: json)
        }
    }
}
