import FalconTOML
import FalconTensor
import Foundation

/// A comparison from the start: which heads to train how, and on what to compare them. A TOML file:
///
///     target = "Models/chat"                  # of all rows: target.path
///     questions = ["gsm8k", "mt-bench"]
///     trees = ["chain:8", "medium"]
///     seeds = [0, 1, 2]                       # training.seed and draft.init_seed
///     base = "no-glance"                      # the row that all are compared with
///     steps = 600                             # training.max_steps
///     settings = ["data.shards=features"]     # of all rows, as falcon-train --set takes them
///
///     [[rows]]
///     name = "k3"
///     note = "three tokens a pass"
///     recipe = "glance.toml"                  # beside the plan's file, else from the working folder
///     settings = ["draft.block_size=3"]       # behind those of all rows
package struct ComparisonPlan: Equatable, Sendable {
    package struct Row: Equatable, Sendable {
        package var name = "", note = ""
        package var recipe: String?
        /// A trained head in place of a recipe.
        package var head: String?
        package var settings: [String] = []
        package var seeds: [Int]?
        package var steps: Int?
    }

    package var target, base: String?
    package var recipe: String?
    package var questions: [String] = []
    package var trees: [String] = []
    package var seeds: [Int] = [0]
    package var steps: Int?
    package var settings: [String] = []
    package var limit, sample, maxNewTokens: Int?
    package var rows: [Row] = []
    /// Where recipes are looked for first.
    package let folder: String

    private static let keys = [
        "target", "recipe", "questions", "trees", "seeds", "steps", "settings", "limit", "sample", "max_new_tokens",
        "base", "rows",
    ]
    private static let rowKeys = ["name", "note", "recipe", "head", "settings", "seeds", "steps"]

    /// - Throws: `FileError` that names the file and the key.
    package init(path: String) throws {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw FileError(path, "cannot be read: check that the plan is there")
        }
        try self.init(toml: Array(bytes), path: path)
    }

    /// The same for text that is there already; `path` is what errors call it.
    package init(toml bytes: [UInt8], path: String) throws {
        folder = OutputPlace.parent(of: path)
        let table: TOMLTable
        do { table = try TOMLValue.parse(bytes) } catch { throw FileError(path, "is no TOML at \(error)") }
        var reader = PlanReader(path: path, table: table, place: "", keys: ComparisonPlan.keys)
        try reader.refuseUnknown()
        target = try reader.text("target")
        (recipe, base) = (try reader.text("recipe"), try reader.text("base"))
        questions = try reader.texts("questions")
        trees = try reader.texts("trees")
        seeds = try reader.seeds() ?? [0]
        steps = try reader.count("steps")
        settings = try reader.texts("settings")
        limit = try reader.count("limit")
        sample = try reader.count("sample")
        maxNewTokens = try reader.count("max_new_tokens")
        guard let list = table["rows"]?.list, !list.isEmpty else {
            throw FileError(path, "has no [[rows]]: write one for each head to compare")
        }
        for (number, value) in list.enumerated() {
            guard case .table(let table) = value else { throw FileError(path, "rows must be tables, as [[rows]]") }
            reader = PlanReader(path: path, table: table, place: "rows[\(number)].", keys: ComparisonPlan.rowKeys)
            try reader.refuseUnknown()
            var row = Row()
            row.name = try reader.text("name") ?? ""
            row.note = try reader.text("note") ?? ""
            (row.recipe, row.head) = (try reader.text("recipe") ?? recipe, try reader.text("head"))
            row.settings = try reader.texts("settings")
            (row.seeds, row.steps) = (try reader.seeds(), try reader.count("steps"))
            let isPlain =
                !row.name.isEmpty
                && row.name.utf8.allSatisfy { byte in
                    "-_.".utf8.contains(byte) || byte > 47 && byte < 58 || (byte | 32) > 96 && (byte | 32) < 123
                }
            guard isPlain, !row.name.hasPrefix(".") else {
                throw reader.wrong("name", "must be a word of letters, digits, -, _ and .")
            }
            guard !rows.contains(where: { $0.name == row.name }) else {
                throw reader.wrong("name", "'\(row.name)' is that of another row; give each its own")
            }
            guard row.head != nil || row.recipe != nil else {
                throw reader.wrong("recipe", "is missing, and so is head: name the recipe to train by")
            }
            rows.append(row)
        }
        if let base, !rows.contains(where: { $0.name == base }) {
            throw FileError(path, "base '\(base)' is no row's name")
        }
    }

    /// Keeps the rows of these names.
    ///
    /// - Throws: `FileError` for a name that no row has.
    package mutating func choose(_ names: [String], path: String) throws {
        for name in names where !rows.contains(where: { $0.name == name }) {
            throw FileError(path, "has no row '\(name)'; it has \(rows.map(\.name).joined(separator: ", "))")
        }
        rows.removeAll { !names.contains($0.name) }
    }

    /// The recipe of a row as a path that opens.
    func recipePath(_ name: String) -> String {
        let beside = folder + "/" + name
        return !name.hasPrefix("/") && FileManager.default.fileExists(atPath: beside) ? beside : name
    }
}

/// Reads the keys of one table of a plan, each with its type.
private struct PlanReader {
    let path: String
    let table: TOMLTable
    /// What stands before a key in messages.
    let place: String
    let keys: [String]

    func wrong(_ key: String, _ problem: String) -> FileError { FileError(path, "\(place)\(key) \(problem)") }

    func refuseUnknown() throws {
        for key in table.keys where !keys.contains(key) {
            throw wrong(key, "is no key of a plan; known: \(keys.joined(separator: ", "))")
        }
    }

    func text(_ key: String) throws -> String? {
        guard let value = table[key] else { return nil }
        guard let text = value.text, !text.isEmpty else { throw wrong(key, "must be a text in quotation marks") }
        return text
    }

    func texts(_ key: String) throws -> [String] {
        guard let value = table[key] else { return [] }
        guard let list = value.list, list.allSatisfy({ $0.text?.isEmpty == false }) else {
            throw wrong(key, "must be a list of texts, such as [\"a\", \"b\"]")
        }
        return list.compactMap(\.text)
    }

    func count(_ key: String) throws -> Int? {
        guard let value = table[key] else { return nil }
        guard let count = value.integer, (1...1_000_000_000).contains(count) else {
            throw wrong(key, "must be a whole number from 1 to 1000000000")
        }
        return count
    }

    func seeds() throws -> [Int]? {
        guard let value = table["seeds"] else { return nil }
        let seeds = value.list?.compactMap(\.integer) ?? []
        guard !seeds.isEmpty, seeds.count == value.list?.count, seeds.allSatisfy({ $0 >= 0 }),
            Set(seeds).count == seeds.count
        else { throw wrong("seeds", "must be a list of different whole numbers from 0, such as [0, 1, 2]") }
        return seeds
    }
}
