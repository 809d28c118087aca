/// A dictionary in the order in which its keys came, as Python keeps it.
final class ValueDictionary {
    private(set) var members: [(key: Value, value: Value)] = []
    private var index: [DictionaryKey: Int]?
    private(set) var nesting = 1

    private static let fewMembers = 8

    init() {}

    var count: Int { members.count }

    subscript(_ key: Text) -> Value? { place(of: key).map { members[$0].value } }

    subscript(_ key: DictionaryKey) -> Value? { place(of: key).map { members[$0].value } }

    private func place(of key: Text) -> Int? {
        guard index == nil else { return place(of: .string(key.bytes)) }
        for (place, member) in members.enumerated() {
            if case .string(let text) = member.key, text == key { return place }
        }
        return nil
    }

    private func place(of key: DictionaryKey) -> Int? {
        if let index { return index[key] }
        return members.firstIndex { DictionaryKey($0.key) == key }
    }

    /// Sets a member. The key must be one that a dictionary can have.
    func set(_ key: Value, _ value: Value) {
        guard let known = DictionaryKey(key) else { return }
        nesting = max(nesting, key.nesting + 1, value.nesting + 1)
        if let place = place(of: known) {
            members[place].value = value
            return
        }
        members.append((key, value))
        if index != nil {
            index?[known] = members.count - 1
        } else if members.count > ValueDictionary.fewMembers {
            var index: [DictionaryKey: Int] = [:]
            for (place, member) in members.enumerated() {
                if let key = DictionaryKey(member.key) { index[key] = place }
            }
            self.index = index
        }
    }

    func clear() {
        members.removeAll()
        index = nil
    }

    func copy() -> ValueDictionary {
        let copy = ValueDictionary()
        copy.members = members
        copy.index = index
        copy.nesting = nesting
        return copy
    }
}

/// A value as Python compares keys: 1, 1.0 and True are one.
enum DictionaryKey: Hashable {
    case none
    case integer(Int)
    case float(Double)
    case string([UInt8])
    case tuple([DictionaryKey])

    /// `nil` for what cannot be a key: lists, dictionaries and the like, and tuples of more than 1000 parts in all.
    init?(_ value: Value) {
        var parts = 1000
        self.init(value, &parts)
    }

    private init?(_ value: Value, _ parts: inout Int) {
        parts -= 1
        guard parts >= 0 else { return nil }
        switch value {
        case .none: self = .none
        case .boolean(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .float(let value): self = Int(exactly: value).map(DictionaryKey.integer) ?? .float(value)
        case .string(let text): self = .string(text.bytes)
        case .tuple(let values):
            var keys: [DictionaryKey] = []
            for value in values {
                guard let key = DictionaryKey(value, &parts) else { return nil }
                keys.append(key)
            }
            self = .tuple(keys)
        default: return nil
        }
    }
}
