import FalconTensor

/// One value of a GGUF file's metadata. Strings and arrays stay in the file until they are asked for.
package enum GGUFValue: Sendable {
    case unsigned(UInt64)
    case signed(Int64)
    case real(Double)
    case boolean(Bool)
    case string(String)
    case array(GGUFArray)

    /// The format's types of values by their numbers.
    package enum Kind: UInt32, Sendable {
        case uint8 = 0, int8, uint16, int16, uint32, int32, float32, boolean, string, array, uint64, int64, float64

        /// Bytes of one, or the least for strings and arrays.
        var leastBytes: Int {
            switch self {
            case .uint8, .int8, .boolean: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .uint64, .int64, .float64, .string: 8
            case .array: 12
            }
        }
    }

    /// What it is, for errors.
    package var kind: String {
        switch self {
        case .unsigned, .signed: "a whole number"
        case .real: "a real number"
        case .boolean: "a truth value"
        case .string: "text"
        case .array(let array): "an array of \(array.count)"
        }
    }
}

/// An array of a GGUF file's metadata, checked when the file was opened and read when it is asked for.
package struct GGUFArray: Sendable {
    package let kind: GGUFValue.Kind
    package let count: Int
    let file: MappedFile
    let start: Int
    let field: String

    /// The elements as whole numbers, `nil` where they are not.
    package func integers() throws -> [Int64]? {
        switch kind {
        case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: break
        default: return nil
        }
        return try read { value in
            switch value {
            case .unsigned(let number): Int64(exactly: number)
            case .signed(let number): number
            default: nil
            }
        }
    }

    /// The elements as real numbers, `nil` where they are neither real nor whole.
    package func reals() throws -> [Double]? {
        switch kind {
        case .float32, .float64: break
        default: return try integers()?.map(Double.init)
        }
        return try read { if case .real(let number) = $0 { number } else { nil } }
    }

    /// The elements as text, `nil` where they are something else.
    package func strings() throws -> [String]? {
        guard kind == .string else { return nil }
        return try read { if case .string(let text) = $0 { text } else { nil } }
    }

    /// The elements as arrays, `nil` where they are something else.
    package func arrays() throws -> [GGUFArray]? {
        guard kind == .array else { return nil }
        return try read { if case .array(let array) = $0 { array } else { nil } }
    }

    /// The elements as truth values, `nil` where they are something else.
    package func booleans() throws -> [Bool]? {
        guard kind == .boolean else { return nil }
        return try read { if case .boolean(let value) = $0 { value } else { nil } }
    }

    private func read<Element>(_ element: (GGUFValue) -> Element?) throws -> [Element]? {
        var cursor = GGUFCursor(file, position: start)
        var elements: [Element] = []
        // The count was checked against the file's length.
        elements.reserveCapacity(count)
        for _ in 0..<count {
            guard let next = element(try cursor.value(kind, field, depth: 0)) else { return nil }
            elements.append(next)
        }
        return elements
    }
}

extension GGUFCursor {
    /// Arrays may hold arrays; no writer goes deeper than two.
    private static var deepest: Int { 4 }

    /// A value of a known kind.
    ///
    /// - Parameter field: what errors call it.
    mutating func value(_ kind: GGUFValue.Kind, _ field: String, depth: Int) throws -> GGUFValue {
        switch kind {
        case .uint8: return .unsigned(UInt64(try integer(UInt8.self, field)))
        case .uint16: return .unsigned(UInt64(try integer(UInt16.self, field)))
        case .uint32: return .unsigned(UInt64(try integer(UInt32.self, field)))
        case .uint64: return .unsigned(try integer(UInt64.self, field))
        case .int8: return .signed(Int64(try integer(Int8.self, field)))
        case .int16: return .signed(Int64(try integer(Int16.self, field)))
        case .int32: return .signed(Int64(try integer(Int32.self, field)))
        case .int64: return .signed(try integer(Int64.self, field))
        case .float32: return .real(Double(Float(bitPattern: try integer(UInt32.self, field))))
        case .float64: return .real(Double(bitPattern: try integer(UInt64.self, field)))
        case .boolean: return .boolean(try truth(try integer(UInt8.self, field), field))
        case .string: return .string(try text(field))
        case .array: return .array(try array(field, depth: depth))
        }
    }

    /// The kind of a value, by its number.
    mutating func kind(_ field: String) throws -> GGUFValue.Kind {
        let number = try integer(UInt32.self, field)
        guard let kind = GGUFValue.Kind(rawValue: number) else {
            throw refusal(field, "has the value type \(number), which GGUF does not know")
        }
        return kind
    }

    /// An array's place, all of it checked and passed over.
    private mutating func array(_ field: String, depth: Int) throws -> GGUFArray {
        guard depth < GGUFCursor.deepest else {
            throw refusal(field, "nests arrays deeper than \(GGUFCursor.deepest)")
        }
        let kind = try kind(field)
        let count = try count(field, leastBytes: kind.leastBytes)
        let array = GGUFArray(kind: kind, count: count, file: file, start: position, field: field)
        switch kind {
        case .string:
            for _ in 0..<count {
                guard file.isUTF8(try string(field)) else { throw refusal(field, "holds text that is not UTF-8") }
            }
        case .array: for _ in 0..<count { _ = try self.array(field, depth: depth + 1) }
        case .boolean: for _ in 0..<count { _ = try truth(try integer(UInt8.self, field), field) }
        default: skip(count, of: kind.leastBytes)
        }
        return array
    }

    private func truth(_ byte: UInt8, _ field: String) throws -> Bool {
        guard byte < 2 else { throw refusal(field, "has the truth value \(byte); only 0 and 1 are") }
        return byte == 1
    }
}
