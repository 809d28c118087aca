/// The key that requests must carry, where the server has one.
package struct APIKey: Sendable {
    private let key: [UInt8]

    /// - Parameter text: what the key's file holds; white space around it does not count. `nil` where nothing is left.
    package init?(_ text: String) {
        let key = text.trimmingPrefix(while: \.isWhitespace)
        var end = key.endIndex
        while end > key.startIndex, key[key.index(before: end)].isWhitespace { end = key.index(before: end) }
        guard end > key.startIndex else { return nil }
        self.key = Array(key[..<end].utf8)
    }

    /// Whether the header `Authorization` carries it: `Bearer KEY`.
    ///
    /// Takes the same time wherever a wrong key differs, so that nobody finds it byte by byte.
    package func allows(_ authorization: String?) -> Bool {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return false }
        let given = Array(authorization.dropFirst("bearer ".count).utf8)
        var difference = UInt8(given.count == key.count ? 0 : 1)
        for (index, byte) in given.enumerated() { difference |= byte ^ key[index % key.count] }
        return difference == 0
    }
}
