/// What two neighbouring tokens merge into, and how early: the learnt merges of a byte-pair vocabulary.
struct MergeTable: Sendable {
    struct Merge: Sendable {
        /// The place in the list of merges; lower ones are done first.
        let rank: Int32
        let result: Int32
    }

    private var keys: [UInt64]
    private var merges: [Merge]
    private var count = 0

    init(capacity: Int) {
        var size = 32
        while size < capacity * 2 { size *= 2 }
        keys = [UInt64](repeating: .max, count: size)
        merges = [Merge](repeating: Merge(rank: 0, result: 0), count: size)
    }

    /// The merge of `left` and `right`, non-negative ids; `nil` where there is none. O(1).
    @inline(__always)
    func merge(_ left: Int32, _ right: Int32) -> Merge? {
        let key = Self.key(left, right)
        var slot = Self.slot(key, keys.count)
        while true {
            let found = keys[slot]
            if found == key { return merges[slot] }
            if found == .max { return nil }
            slot = (slot &+ 1) & (keys.count &- 1)
        }
    }

    /// Sets the merge of a pair; the last one set for a pair holds, as in Hugging Face tokenizers.
    ///
    /// - Precondition: no more pairs than the capacity given at the start.
    mutating func set(_ left: Int32, _ right: Int32, _ merge: Merge) {
        let key = Self.key(left, right)
        var slot = Self.slot(key, keys.count)
        while keys[slot] != .max && keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
        if keys[slot] == .max {
            count += 1
            precondition(count * 2 <= keys.count, "more merges than the table's capacity")
        }
        keys[slot] = key
        merges[slot] = merge
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private static func slot(_ key: UInt64, _ size: Int) -> Int {
        let mixed = (key ^ (key >> 29)) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 32) & (size &- 1)
    }
}
