import FalconTOML
import FalconTensor

/// Something that walks over the fields of a recipe's section: one declaration of a section serves to read it, to
/// check it and to print it.
protocol RecipeFields {
    mutating func text(_ key: String, _ value: inout String) throws
    mutating func flag(_ key: String, _ value: inout Bool) throws
    mutating func integer(_ key: String, _ value: inout Int, _ range: ClosedRange<Int>) throws
    mutating func number(_ key: String, _ value: inout Double, _ range: ClosedRange<Double>) throws
    mutating func pair(_ key: String, _ value: inout [Double], _ range: ClosedRange<Double>) throws
    /// Layers by their numbers: ascending from 1 on, none twice, or none at all.
    mutating func layers(_ key: String, _ value: inout [Int]) throws
    mutating func choice<Choice: RecipeChoice>(_ key: String, _ value: inout Choice) throws
}

/// A field that takes one of a few names.
protocol RecipeChoice: RawRepresentable<String>, CaseIterable {}

/// A part of a recipe, e.g. `[optimizer]`.
protocol RecipeSection {
    static var name: String { get }
    /// Calls the walker once for each field, in the order in which they are printed.
    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws
}

/// Reads a section's fields from a TOML table, strictly: a key that no field asked for is an error.
struct RecipeReader: RecipeFields {
    let section: String
    /// Where each value came from: the file, or `--set`.
    let source: (_ key: String) -> String
    private var entries: TOMLTable
    private var known: [String] = []

    init(section: String, entries: TOMLTable, source: @escaping (_ key: String) -> String) {
        self.section = section
        self.entries = entries
        self.source = source
    }

    /// - Throws: `RecipeError` where a key is left over.
    func finish() throws {
        guard let key = entries.keys.first else { return }
        throw error(key, "is not a key of a recipe" + NearestName.suggestion(for: key, among: known))
    }

    mutating func text(_ key: String, _ value: inout String) throws {
        guard let written = take(key) else { return }
        guard case .text(let text) = written else { throw wrong(key, written, "a text in quotes") }
        value = text
    }

    mutating func flag(_ key: String, _ value: inout Bool) throws {
        guard let written = take(key) else { return }
        guard case .flag(let flag) = written else { throw wrong(key, written, "true or false") }
        value = flag
    }

    mutating func integer(_ key: String, _ value: inout Int, _ range: ClosedRange<Int>) throws {
        guard let written = take(key) else { return }
        guard case .integer(let number) = written, range.contains(number) else {
            throw wrong(key, written, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        value = number
    }

    mutating func number(_ key: String, _ value: inout Double, _ range: ClosedRange<Double>) throws {
        guard let written = take(key) else { return }
        guard let number = RecipeReader.double(written), range.contains(number) else {
            throw wrong(key, written, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        value = number
    }

    mutating func pair(_ key: String, _ value: inout [Double], _ range: ClosedRange<Double>) throws {
        guard let written = take(key) else { return }
        guard case .list(let list) = written, list.count == 2,
            case let numbers = list.compactMap(RecipeReader.double), numbers.count == 2,
            numbers.allSatisfy(range.contains)
        else {
            throw wrong(key, written, "a list of two numbers from \(range.lowerBound) to \(range.upperBound)")
        }
        value = numbers
    }

    mutating func layers(_ key: String, _ value: inout [Int]) throws {
        guard let written = take(key) else { return }
        guard case .list(let list) = written,
            case let numbers = list.compactMap({ if case .integer(let number) = $0 { number } else { nil } }),
            numbers.count == list.count, LayerNumbers.areAscending(numbers)
        else {
            throw wrong(key, written, "a list of layers' numbers, ascending from 1 on, as in [8, 16]")
        }
        value = numbers
    }

    mutating func choice<Choice: RecipeChoice>(_ key: String, _ value: inout Choice) throws {
        guard let written = take(key) else { return }
        let names = Choice.allCases.map(\.rawValue)
        guard case .text(let name) = written else {
            throw wrong(key, written, "one of \(names.map { "\"\($0)\"" }.joined(separator: ", "))")
        }
        guard let choice = Choice(rawValue: name) else {
            throw wrong(key, written, "one of \(names.map { "\"\($0)\"" }.joined(separator: ", "))")
        }
        value = choice
    }

    private mutating func take(_ key: String) -> TOMLValue? {
        known.append(key)
        defer { entries[key] = nil }
        return entries[key]
    }

    /// A whole number is a number too: `clip_norm = 1` is as good as `1.0`.
    private static func double(_ value: TOMLValue) -> Double? {
        switch value {
        case .number(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }

    private func wrong(_ key: String, _ found: TOMLValue, _ expected: String) -> RecipeError {
        error(key, "must be \(expected), but is \(found.kind)")
    }

    private func error(_ key: String, _ problem: String) -> RecipeError {
        RecipeError(source: source(key), key: "\(section).\(key)", problem: problem)
    }
}

/// Prints a section as TOML, every field with its value, so that a checkpoint's recipe has no hidden defaults.
struct RecipeWriter: RecipeFields {
    private(set) var toml = ""

    mutating func section<Section: RecipeSection>(_ section: Section) throws {
        if !toml.isEmpty { toml += "\n" }
        toml += "[\(Section.name)]\n"
        var section = section
        try section.fields(&self)
    }

    mutating func text(_ key: String, _ value: inout String) { write(key, .text(value)) }
    mutating func flag(_ key: String, _ value: inout Bool) { write(key, .flag(value)) }
    mutating func integer(_ key: String, _ value: inout Int, _ range: ClosedRange<Int>) { write(key, .integer(value)) }
    mutating func number(_ key: String, _ value: inout Double, _ range: ClosedRange<Double>) {
        write(key, .number(value))
    }
    mutating func pair(_ key: String, _ value: inout [Double], _ range: ClosedRange<Double>) {
        write(key, .list(value.map { .number($0) }))
    }
    mutating func layers(_ key: String, _ value: inout [Int]) {
        write(key, .list(value.map { .integer($0) }))
    }
    mutating func choice<Choice: RecipeChoice>(_ key: String, _ value: inout Choice) {
        write(key, .text(value.rawValue))
    }

    private mutating func write(_ key: String, _ value: TOMLValue) { toml += "\(key) = \(value.toml)\n" }
}
