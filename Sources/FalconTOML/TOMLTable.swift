/// The keys and values of a TOML table.
///
/// Keys differ when their bytes do, as TOML says: an accented letter in one character is another key than the same
/// letter out of two, though Swift's strings take them for equal.
package struct TOMLTable: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    private var values: [TOMLKey: TOMLValue] = [:]

    package init() {}

    /// Of keys that are given twice the last one counts.
    package init(dictionaryLiteral elements: (String, TOMLValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    package subscript(_ key: String) -> TOMLValue? {
        get { values[TOMLKey(key)] }
        set { values[TOMLKey(key)] = newValue }
    }

    package var isEmpty: Bool { values.isEmpty }

    /// Keys and values, by the keys' bytes ascending.
    package var members: [(key: String, value: TOMLValue)] {
        values.map { (key: $0.key.text, value: $0.value) }.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    package var keys: [String] { members.map(\.key) }
}

/// A key that equals another one where all bytes do.
struct TOMLKey: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: TOMLKey, right: TOMLKey) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
