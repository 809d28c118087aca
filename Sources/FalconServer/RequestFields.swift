import FalconJSON

/// The members of a request, each read once: what nobody has read at the end is refused by name.
///
/// `null` stands for a member that is left out, as in OpenAI's own clients.
struct RequestFields {
    private let object: JSONObject
    private var read: Set<String> = []

    /// - Throws: `APIError` where the body is no JSON object.
    init(_ body: [UInt8]) throws {
        let value: JSONValue
        do { value = try JSONParser.parse(body, halfSurrogates: .replaced) } catch {
            throw APIError(400, "the body is not JSON: \(error)")
        }
        guard let object = value.object else { throw APIError(400, "the body is \(value.kind): give a JSON object") }
        self.object = object
    }

    /// The member; `nil` where it is left out.
    mutating func value(_ name: String) -> JSONValue? {
        read.insert(name)
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    mutating func string(_ name: String) throws -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.string else { throw APIError.invalid(name, "is \(value.kind): give a string") }
        return string
    }

    mutating func boolean(_ name: String) throws -> Bool? {
        guard let value = value(name) else { return nil }
        guard let boolean = value.boolean else { throw APIError.invalid(name, "is \(value.kind): give true or false") }
        return boolean
    }

    mutating func integer(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let value = value(name) else { return nil }
        guard let integer = value.integer else { throw APIError.invalid(name, "is \(value.kind): give an integer") }
        guard range.contains(integer) else { throw APIError.invalid(name, "is \(integer): give \(words(range))") }
        return integer
    }

    mutating func number(_ name: String, _ range: ClosedRange<Double>) throws -> Double? {
        guard let value = value(name) else { return nil }
        guard let number = value.double else { throw APIError.invalid(name, "is \(value.kind): give a number") }
        guard range.contains(number) else {
            throw APIError.invalid(name, "is \(number): give \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func words(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
    }

    /// Refuses members that would change the answer and cannot be followed. Values that ask for nothing are taken:
    /// clients send those on their own.
    mutating func refuseUnsupported(_ members: [(name: String, nothing: [JSONValue], advice: String)]) throws {
        for (name, nothing, advice) in members {
            guard let value = value(name), !nothing.contains(value) else { continue }
            throw APIError.unsupported(name, advice)
        }
    }

    /// Members that say something of the caller and change no answer.
    mutating func ignore(_ names: [String]) { read.formUnion(names) }

    /// - Throws: `APIError` for a member that nobody knows.
    func refuseUnknown() throws {
        guard let unknown = object.keys.first(where: { !read.contains($0) }) else { return }
        throw APIError(
            400, "Unrecognized request argument supplied: \(unknown)", parameter: unknown, code: "unknown_parameter")
    }
}
