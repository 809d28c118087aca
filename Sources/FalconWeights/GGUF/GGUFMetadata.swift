import FalconTensor

/// The keys and values at the head of a GGUF file.
///
/// Accessors throw one line that names the file and the key where a value is missing or of another type.
package struct GGUFMetadata: Sendable {
    package let path: String
    /// In the order of the file.
    package let keys: [String]
    private let values: [String: GGUFValue]

    private static let longestKey = 65_535

    /// Reads `count` entries.
    init(_ cursor: inout GGUFCursor, count: Int) throws {
        path = cursor.file.path
        var (keys, values): ([String], [String: GGUFValue]) = ([], [:])
        for number in 0..<count {
            let place = keys.last.map { "the key after \($0.shown)" } ?? "the first key"
            let key = try cursor.text("\(place) (\(number + 1) of \(count))")
            guard !key.isEmpty else { throw cursor.refusal(place, "is empty") }
            guard key.utf8.count <= GGUFMetadata.longestKey else {
                throw cursor.refusal(place, "has \(key.utf8.count) bytes, more than the format allows")
            }
            let value = try cursor.value(try cursor.kind(key.shown), key.shown, depth: 0)
            guard values.updateValue(value, forKey: key) == nil else { throw cursor.refusal(key.shown, "occurs twice") }
            keys.append(key)
        }
        (self.keys, self.values) = (keys, values)
    }

    package subscript(_ key: String) -> GGUFValue? { values[key] }

    package func contains(_ key: String) -> Bool { values[key] != nil }

    /// An error about a key.
    package func problem(_ key: String, _ text: String) -> FileError { FileError(path, "\(key.shown) \(text)") }

    /// A whole number that fits 64 bits with a sign, `nil` where the key is absent.
    package func integer(_ key: String) throws -> Int? {
        guard let value = values[key] else { return nil }
        switch value {
        case .unsigned(let number):
            guard let number = Int(exactly: number) else { throw problem(key, "\(number) is too large") }
            return number
        case .signed(let number): return Int(number)
        default: throw problem(key, "must be a whole number, not \(value.kind)")
        }
    }

    /// A real number, `nil` where the key is absent; whole numbers count.
    package func real(_ key: String) throws -> Double? {
        guard let value = values[key] else { return nil }
        switch value {
        case .real(let number): return number
        case .unsigned(let number): return Double(number)
        case .signed(let number): return Double(number)
        default: throw problem(key, "must be a number, not \(value.kind)")
        }
    }

    /// A truth value, `nil` where the key is absent.
    package func boolean(_ key: String) throws -> Bool? {
        guard let value = values[key] else { return nil }
        guard case .boolean(let answer) = value else { throw problem(key, "must be a truth value, not \(value.kind)") }
        return answer
    }

    /// A text, `nil` where the key is absent.
    package func string(_ key: String) throws -> String? {
        guard let value = values[key] else { return nil }
        guard case .string(let text) = value else { throw problem(key, "must be text, not \(value.kind)") }
        return text
    }

    /// An array, `nil` where the key is absent.
    package func array(_ key: String) throws -> GGUFArray? {
        guard let value = values[key] else { return nil }
        guard case .array(let array) = value else { throw problem(key, "must be an array, not \(value.kind)") }
        return array
    }

    /// An array of texts, `nil` where the key is absent.
    package func strings(_ key: String) throws -> [String]? {
        guard let array = try array(key) else { return nil }
        guard let strings = try array.strings() else { throw problem(key, "must be an array of text") }
        return strings
    }

    /// An array of whole numbers, `nil` where the key is absent.
    package func integers(_ key: String) throws -> [Int64]? {
        guard let array = try array(key) else { return nil }
        guard let numbers = try array.integers() else { throw problem(key, "must be an array of whole numbers") }
        return numbers
    }

    /// An array of numbers, `nil` where the key is absent.
    package func reals(_ key: String) throws -> [Double]? {
        guard let array = try array(key) else { return nil }
        guard let numbers = try array.reals() else { throw problem(key, "must be an array of numbers") }
        return numbers
    }
}
