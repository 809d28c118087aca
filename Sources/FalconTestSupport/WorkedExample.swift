import FalconTOML

/// The figures of a worked example in a document: the document's one block of TOML, so that text and test share them.
package struct WorkedExample {
    private let document: String
    private let table: TOMLTable

    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter document: its name in `docs`.
    /// - Throws: where it cannot be read or has no block of TOML.
    package init(_ document: String) throws {
        let text = try String(contentsOfFile: Fixtures.repository + "/docs/" + document, encoding: .utf8)
        guard let open = text.firstRange(of: "\n```toml\n"), let close = text[open.upperBound...].firstRange(of: "```")
        else { throw Missing(description: "docs/\(document) has no block of TOML") }
        self.document = document
        table = try TOMLValue.parse(String(text[open.upperBound..<close.lowerBound]))
    }

    package func integer(_ key: String) throws -> Int { try needed(key, table[key]?.integer) }

    package func integers(_ key: String) throws -> [Int] { try needed(key, table[key].flatMap(Self.integers)) }

    package func lists(_ key: String) throws -> [[Int]] {
        try needed(key, table[key]?.list.flatMap { Self.all($0, Self.integers) })
    }

    package func number(_ key: String) throws -> Double { try needed(key, table[key].flatMap(Self.number)) }

    package func numbers(_ key: String) throws -> [Double] { try needed(key, table[key].flatMap(Self.numbers)) }

    package func rows(_ key: String) throws -> [[Double]] {
        try needed(key, table[key]?.list.flatMap { Self.all($0, Self.numbers) })
    }

    private func needed<Value>(_ key: String, _ value: Value?) throws -> Value {
        guard let value else { throw Missing(description: "docs/\(document): \(key) is missing or of another kind") }
        return value
    }

    private static func number(_ value: TOMLValue) -> Double? {
        switch value {
        case .number(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }

    private static func integers(_ value: TOMLValue) -> [Int]? { value.list.flatMap { all($0) { $0.integer } } }

    private static func numbers(_ value: TOMLValue) -> [Double]? { value.list.flatMap { all($0, number) } }

    private static func all<Result>(_ list: [TOMLValue], _ read: (TOMLValue) -> Result?) -> [Result]? {
        let read = list.compactMap(read)
        return read.count == list.count ? read : nil
    }
}
