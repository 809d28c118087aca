import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

/// `docs/recipes.md` says what every key of a recipe means and what it is where nobody sets it.
@Suite struct RecipeDocumentationTests {
    @Test func `every key stands in the tables with its default and what it takes, and no other`() throws {
        var (section, documented) = ("", [RecipeKeys.Key]())
        let text = try String(contentsOfFile: Fixtures.repository + "/docs/recipes.md", encoding: .utf8)
        for line in text.split(separator: "\n") {
            let quoted = line.split(separator: "`", omittingEmptySubsequences: false)
            if line.hasPrefix("#"), quoted.count > 2 {
                section = quoted[1].trimmingCharacters(in: ["[", "]"])
            } else if line.hasPrefix("| `") {
                let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                #expect(columns.count == 5 && columns.allSatisfy { !$0.isEmpty }, "\(line)")
                documented.append(
                    RecipeKeys.Key(
                        section: section, key: String(quoted[1]), value: String(quoted[3]), allowed: columns[2]))
            }
        }
        let keys = try RecipeKeys.all
        #expect(documented.count == keys.count)
        for (found, expected) in zip(documented, keys) { #expect(found == expected) }
    }

    @Test func `the list for terminals has a line for each key`() throws {
        let lines = try RecipeKeys.lines
        #expect(lines.count { $0.hasPrefix("[") } == Set(try RecipeKeys.all.map(\.section)).count)
        #expect(lines.contains { $0.hasPrefix("block_size ") && $0.hasSuffix("1 to 64") }, "\(lines)")
    }
}
