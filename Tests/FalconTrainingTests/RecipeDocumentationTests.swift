import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

/// `docs/recipes.md` says what every key of a recipe means and what it is where nobody sets it.
@Suite struct RecipeDocumentationTests {
    /// `section.key` with what is printed as its value.
    private func defaults(_ recipe: Recipe) throws -> [String: String] {
        var (section, found) = ("", [String: String]())
        for line in try recipe.toml.split(separator: "\n") {
            if line.hasPrefix("[") {
                section = String(line.dropFirst().prefix { $0 != "]" })
            } else if let equals = line.firstRange(of: " = ") {
                found["\(section).\(line[..<equals.lowerBound])"] = String(line[equals.upperBound...])
            }
        }
        return found
    }

    @Test func `every key stands in the tables with its default, and no other`() throws {
        var (section, documented) = ("", [String: String]())
        let text = try String(contentsOfFile: Fixtures.repository + "/docs/recipes.md", encoding: .utf8)
        for line in text.split(separator: "\n") {
            let quoted = line.split(separator: "`", omittingEmptySubsequences: false)
            if line.hasPrefix("#"), quoted.count > 2 {
                section = quoted[1].trimmingCharacters(in: ["[", "]"])
            } else if line.hasPrefix("| `") {
                documented["\(section).\(quoted[1])"] = String(quoted[3])
                #expect(line.split(separator: "|").count == 4, "\(line)")
            }
        }
        var recipe = Recipe()
        var expected = try defaults(recipe)
        recipe.pretrain = PretrainSection()
        expected.merge(try defaults(recipe)) { first, _ in first }
        #expect(documented == expected)
    }
}
