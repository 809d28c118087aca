import FalconJSON
import FalconTensor

/// The members of a configuration object, read with their type and range checked.
///
/// Every error names the file and the field. `null` counts as absent, as it does in Hugging Face's configurations.
package struct ConfigurationFields {
    package let path: String
    package let object: JSONObject
    /// What stands before the field's name in messages: "rope_scaling." for a nested object.
    private let prefix: String

    package init(_ object: JSONObject, path: String, prefix: String = "") {
        self.object = object
        self.path = path
        self.prefix = prefix
    }

    /// An error about a field of this object.
    package func problem(_ key: String, _ text: String) -> FileError { FileError(path, "\(prefix)\(key) \(text)") }

    /// The value, or `nil` where it is absent or null.
    package subscript(_ key: String) -> JSONValue? {
        guard let value = object[key], value != .null else { return nil }
        return value
    }

    /// A size: a whole number from 1 to 2^31 - 1, so that products of two sizes never overflow.
    package func size(_ key: String, default standard: Int? = nil) throws -> Int {
        guard let value = self[key] else {
            guard let standard else { throw problem(key, "is missing") }
            return standard
        }
        guard let number = value.integer, (1...Int(Int32.max)).contains(number) else {
            throw problem(key, "must be a whole number above 0, not \(value.text())")
        }
        return number
    }

    /// A number above 0.
    package func positive(_ key: String, default standard: Double? = nil) throws -> Double {
        guard let value = self[key] else {
            guard let standard else { throw problem(key, "is missing") }
            return standard
        }
        guard let number = value.double, number > 0, number.isFinite else {
            throw problem(key, "must be a number above 0, not \(value.text())")
        }
        return number
    }

    /// A list of numbers above 0.
    package func positives(_ key: String) throws -> [Double] {
        guard let numbers = self[key]?.array?.compactMap(\.double), numbers.count == self[key]?.array?.count,
            numbers.allSatisfy({ $0 > 0 && $0.isFinite })
        else { throw problem(key, "must be a list of numbers above 0") }
        return numbers
    }

    package func boolean(_ key: String, default standard: Bool) throws -> Bool {
        guard let value = self[key] else { return standard }
        guard let boolean = value.boolean else { throw problem(key, "must be true or false, not \(value.text())") }
        return boolean
    }

    package func string(_ key: String) throws -> String? {
        guard let value = self[key] else { return nil }
        guard let string = value.string else { throw problem(key, "must be text, not \(value.text())") }
        return string
    }

    /// A nested object with its own fields.
    package func nested(_ key: String) throws -> ConfigurationFields? {
        guard let value = self[key] else { return nil }
        guard let object = value.object else { throw problem(key, "must be an object, not \(value.kind)") }
        return ConfigurationFields(object, path: path, prefix: prefix + key + ".")
    }

    /// One token id or none.
    package func token(_ key: String) throws -> Int32? {
        let tokens = try tokens(key)
        guard tokens.count <= 1 else {
            throw problem(key, "must be one token id, not a list; keep the one that the model was trained with")
        }
        return tokens.first
    }

    /// One token id, a list of them, or none.
    package func tokens(_ key: String) throws -> [Int32] {
        guard let value = self[key] else { return [] }
        return try (value.array ?? [value]).map {
            guard let number = $0.integer, number >= 0, let token = Int32(exactly: number) else {
                throw problem(key, "must hold token ids, not \($0.text())")
            }
            return token
        }
    }
}
