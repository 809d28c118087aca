/// A value of a TOML document.
package enum TOMLValue: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case list([TOMLValue])
    case table(TOMLTable)
    /// A date or a time, as it was written.
    case moment(String)

    package var text: String? { if case .text(let text) = self { text } else { nil } }
    package var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    package var list: [TOMLValue]? { if case .list(let values) = self { values } else { nil } }
}

/// What is wrong with a TOML text and where, in one line.
package struct TOMLError: Error, CustomStringConvertible, Equatable {
    package let line: Int
    /// In bytes, from 1.
    package let column: Int
    package let problem: String

    package var description: String { "line \(line), column \(column): \(problem)" }
}

extension TOMLValue {
    /// Reads a TOML 1.0 document. Safe on hostile input: nesting is bounded, and nothing traps.
    ///
    /// - Returns: the root table.
    package static func parse(_ text: String) throws(TOMLError) -> TOMLTable { try parse(Array(text.utf8)) }

    /// The same for a file's bytes as they are: a byte order mark may stand in front of them once.
    package static func parse(_ bytes: [UInt8]) throws(TOMLError) -> TOMLTable {
        var parser = TOMLParser(bytes)
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw TOMLError(line: parser.firstLineNotText, column: 1, problem: "is not UTF-8 text")
        }
        return try parser.document()
    }
}
