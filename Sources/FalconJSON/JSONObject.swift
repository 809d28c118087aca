/// The members of a JSON object in the order in which they were written.
///
/// Keys differ when their bytes do. Swift's strings compare by canonical equivalence, but a vocabulary may hold both
/// U+00C5 and U+212B, and those are two tokens.
package struct JSONObject: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package let key: String
        package fileprivate(set) var value: JSONValue

        package static func == (left: Member, right: Member) -> Bool {
            left.key.utf8.elementsEqual(right.key.utf8) && left.value == right.value
        }
    }

    package private(set) var members: [Member] = []
    /// The place of each key among `members`; empty while there are so few that looking through them is faster.
    private var places: [ByteKey: Int] = [:]

    private static let fewMembers = 8

    package init() {}

    package var count: Int { members.count }

    package var keys: [String] { members.map(\.key) }

    /// The member of that name. Setting `nil` takes it out; a new name goes to the end.
    package subscript(_ key: String) -> JSONValue? {
        get { place(of: key).map { members[$0].value } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil):
                members.remove(at: place)
                places = [:]
                if count > Self.fewMembers { indexAll() }
            case (nil, let value?): append(key, value)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member at the end. O(length of the key).
    ///
    /// - Returns: false, with nothing added, where the key is there already.
    @discardableResult
    package mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        if count < Self.fewMembers {
            guard place(of: key) == nil else { return false }
        } else {
            if count == Self.fewMembers { indexAll() }
            guard places.updateValue(count, forKey: ByteKey(text: key)) == nil else {
                // Only one that refuses doubled keys calls this, and gives the object up.
                indexAll()
                return false
            }
        }
        members.append(Member(key: key, value: value))
        return true
    }

    private func place(of key: String) -> Int? {
        count > Self.fewMembers
            ? places[ByteKey(text: key)] : members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }

    private mutating func indexAll() {
        for (place, member) in members.enumerated() { places[ByteKey(text: member.key)] = place }
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool { left.members == right.members }
}

/// A string that equals those with the same bytes only.
private struct ByteKey: Hashable, Sendable {
    let text: String

    static func == (left: ByteKey, right: ByteKey) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
