/// The members of a JSON object in the order in which they were written.
///
/// Keys differ when their bytes do. Swift's strings compare by canonical equivalence, but a vocabulary may hold both
/// U+00C5 and U+212B, and those are two tokens.
package struct JSONObject: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package let key: String
        package fileprivate(set) var value: JSONValue

        fileprivate func isNamed(_ name: String) -> Bool { key.utf8.elementsEqual(name.utf8) }

        package static func == (left: Member, right: Member) -> Bool {
            left.isNamed(right.key) && left.value == right.value
        }
    }

    package private(set) var members: [Member] = []
    /// The place of each key among `members`; `nil` while there are so few that looking through them is faster.
    private var index: KeyIndex?

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
                index = nil
                if count > Self.fewMembers { makeIndex() }
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
        if count == Self.fewMembers { makeIndex() }
        // The index is taken out while it changes, since it looks into the members.
        if var changed = index.take() {
            let isNew = changed.insert(key, at: count) { members[$0].isNamed(key) }
            index = changed
            guard isNew else { return false }
        } else if place(of: key) != nil {
            return false
        }
        members.append(Member(key: key, value: value))
        return true
    }

    private func place(of key: String) -> Int? {
        guard let index else { return members.firstIndex { $0.isNamed(key) } }
        return index.place(of: key) { members[$0].isNamed(key) }
    }

    private mutating func makeIndex() {
        var index = KeyIndex(capacity: count + 1)
        for (place, member) in members.enumerated() { _ = index.insert(member.key, at: place) { _ in false } }
        self.index = index
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool { left.members == right.members }
}
