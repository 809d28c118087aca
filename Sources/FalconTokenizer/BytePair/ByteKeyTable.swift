/// An open-addressing hash table from byte strings to dense numbers 0, 1, 2, ... in order of insertion.
///
/// A lookup neither allocates nor copies: the key is a range of the text being encoded. Keys differ when their bytes
/// do, unlike Swift strings, which compare by canonical equivalence.
struct ByteKeyTable: Sendable {
    private(set) var count = 0
    private var slots: [Int32]
    private var hashes: [UInt32] = []
    private var keyEnds: [Int] = [0]
    private var keyBytes: [UInt8] = []

    init(capacity: Int = 16) {
        var size = 32
        while size < capacity * 2 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
    }

    /// The number of the key `bytes[range]`; `nil` where it is not in the table. O(length of the key).
    func number(of bytes: [UInt8], _ range: Range<Int>) -> Int? {
        let hash = Self.hash(bytes, range)
        var slot = Int(hash) & (slots.count &- 1)
        while true {
            let number = Int(slots[slot])
            if number < 0 { return nil }
            if hashes[number] == hash, isKey(number, bytes, range) { return number }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
    }

    func number(of bytes: [UInt8]) -> Int? {
        number(of: bytes, 0..<bytes.count)
    }

    /// Adds a key that is not in the table yet; it gets the number `count`.
    mutating func insert(_ bytes: [UInt8], _ range: Range<Int>) {
        if (count + 1) * 2 > slots.count { grow() }
        let hash = Self.hash(bytes, range)
        hashes.append(hash)
        keyBytes.append(contentsOf: bytes[range])
        keyEnds.append(keyBytes.count)
        place(count)
        count += 1
    }

    /// Empties the table and keeps its memory.
    mutating func removeAll() {
        count = 0
        for slot in slots.indices { slots[slot] = -1 }
        hashes.removeAll(keepingCapacity: true)
        keyEnds.removeAll(keepingCapacity: true)
        keyEnds.append(0)
        keyBytes.removeAll(keepingCapacity: true)
    }

    private mutating func grow() {
        slots = [Int32](repeating: -1, count: slots.count * 2)
        for number in 0..<count { place(number) }
    }

    private mutating func place(_ number: Int) {
        var slot = Int(hashes[number]) & (slots.count - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(number)
    }

    private func isKey(_ number: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let start = keyEnds[number]
        guard keyEnds[number &+ 1] &- start == range.count else { return false }
        for offset in 0..<range.count where keyBytes[start &+ offset] != bytes[range.lowerBound &+ offset] {
            return false
        }
        return true
    }

    /// FNV-1a with a final mix, since the slot comes from the low bits.
    private static func hash(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        hash ^= hash >> 32
        hash = hash &* 0x9e37_79b9_7f4a_7c15
        return UInt32(truncatingIfNeeded: hash >> 32)
    }
}
