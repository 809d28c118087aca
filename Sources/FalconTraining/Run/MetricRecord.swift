import FalconJSON

/// What one step measured: names and values in the order in which they are written.
package struct MetricRecord: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case whole(Int)
        case number(Double)
        case numbers([Double])
        case text(String)
        /// JSON as it is.
        case document(String)
    }

    package private(set) var entries: [(name: String, value: Value)] = []

    package init() {}

    package static func == (left: MetricRecord, right: MetricRecord) -> Bool {
        left.entries.count == right.entries.count
            && zip(left.entries, right.entries).allSatisfy { $0.name == $1.name && $0.value == $1.value }
    }

    /// One value by name; setting it replaces the old one or adds it at the end.
    package subscript(name: String) -> Value? {
        get { entries.first { $0.name == name }?.value }
        set {
            let index = entries.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): entries.append((name, value))
            case (nil, nil): break
            }
        }
    }

    /// One number by name, whole or not.
    package func number(_ name: String) -> Double? {
        switch self[name] {
        case .whole(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Adds the other's entries behind its own.
    package mutating func append(_ other: MetricRecord, prefix: String = "") {
        for (name, value) in other.entries { self[prefix + name] = value }
    }

    /// One line of JSON. A number that is not finite becomes `null`.
    package var json: String {
        let parts = entries.map { name, value in
            let text =
                switch value {
                case .whole(let value): "\(value)"
                case .number(let value): MetricRecord.json(value)
                case .numbers(let values): "[\(values.map(MetricRecord.json).joined(separator: ","))]"
                case .text(let text): JSONValue.string(text).text()
                case .document(let json): json
                }
            return "\(JSONValue.string(name).text()):\(text)"
        }
        return "{\(parts.joined(separator: ","))}"
    }

    /// Seven digits are what a float32 holds; more would only be noise in the file.
    private static func json(_ value: Double) -> String { value.isFinite ? "\(Float(value))" : "null" }
}
