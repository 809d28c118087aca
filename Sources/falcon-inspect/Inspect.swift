import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconTensor

@main
struct Inspect: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-inspect",
        abstract: "Shows what is inside a file and finds what is wrong with it.",
        discussion: """
            EXAMPLES
              falcon-inspect model --target models/llama
              falcon-inspect draft --draft drafts/llama --target models/llama
              falcon-inspect tree --tree medium --block-size 2
              falcon-inspect recipe

            Ends with 1 where a problem is found.
            """,
        version: falconVersion,
        subcommands: [
            InspectModel.self, InspectDraft.self, InspectShard.self, InspectTokenizer.self, InspectTree.self,
            InspectMasks.self, InspectFeatures.self, InspectWeights.self, InspectRecipe.self,
            InspectChart.self,
        ])

    static func main() { launch() }
}

/// The inspection found problems, which were printed.
struct ProblemsFound: Error, CustomStringConvertible {
    let path: String
    let count: Int

    var description: String { "\(path): \(count) problem\(count == 1 ? "" : "s") found, listed above" }

    /// - Throws: itself where there is a problem among the findings.
    static func check(_ findings: [Finding], path: String) throws {
        if findings.problemCount > 0 { throw ProblemsFound(path: path, count: findings.problemCount) }
    }
}
