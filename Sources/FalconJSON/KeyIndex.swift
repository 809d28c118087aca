/// An open-addressing hash table from keys to their places, for objects with many members.
///
/// Keys are hashed by a polynomial over their bytes modulo 2^61 - 1 at a random point, so that no file can be made
/// whose keys collide.
struct KeyIndex: Sendable {
    /// The random point, the number of keys, then the slots: 0 where one is empty, else the hash over place + 1. One
    /// array, so that small objects, which have no index, stay small.
    private var words: [UInt64]

    private static let modulus: UInt64 = 1 << 61 - 1

    init(capacity: Int) {
        var size = 32
        while size < 2 * capacity { size *= 2 }
        words = [.random(in: 1 << 32..<Self.modulus), 0] + [UInt64](repeating: 0, count: size)
    }

    private var slotCount: Int { words.count - 2 }

    /// The place of a key; `nil` where it has none. O(length of the key).
    ///
    /// - Parameter isKey: whether the key at a place is this one.
    func place(of key: String, isKey: (Int) -> Bool) -> Int? { slot(of: hash(key), isKey: isKey).place }

    /// Notes the place of a key.
    ///
    /// - Returns: false, with nothing noted, where the key has a place already.
    mutating func insert(_ key: String, at place: Int, isKey: (Int) -> Bool) -> Bool {
        if 2 * (words[1] + 1) > slotCount { grow() }
        let hash = hash(key)
        let (slot, found) = slot(of: hash, isKey: isKey)
        guard found == nil else { return false }
        words[slot] = hash << 32 | UInt64(place + 1)
        words[1] += 1
        return true
    }

    /// The slot that holds a key, with the key's place, or the empty one where it belongs.
    private func slot(of hash: UInt64, isKey: (Int) -> Bool) -> (slot: Int, place: Int?) {
        let mask = slotCount - 1
        var slot = Int(hash) & mask
        while words[slot + 2] != 0 {
            let word = words[slot + 2]
            let place = Int(word & 0xffff_ffff) - 1
            if word >> 32 == hash, isKey(place) { return (slot + 2, place) }
            slot = (slot + 1) & mask
        }
        return (slot + 2, nil)
    }

    private mutating func grow() {
        let filled = words.dropFirst(2).filter { $0 != 0 }
        words = Array(words.prefix(2)) + [UInt64](repeating: 0, count: 2 * slotCount)
        for word in filled { words[slot(of: word >> 32) { _ in false }.slot] = word }
    }

    /// 32 bits.
    private func hash(_ key: String) -> UInt64 {
        var (sum, word, length): (UInt64, UInt64, UInt64) = (0, 0, 0)
        for byte in key.utf8 {
            word = word << 8 | UInt64(byte)
            length += 1
            if length == 7 {
                sum = advanced(sum, by: word << 3 | length)
                (word, length) = (0, 0)
            }
        }
        return advanced(sum, by: word << 3 | length) >> 29 & 0xffff_ffff
    }

    /// (sum + word) * point modulo 2^61 - 1, but for a last subtraction.
    private func advanced(_ sum: UInt64, by word: UInt64) -> UInt64 {
        let product = (sum + word).multipliedFullWidth(by: words[0])
        let folded = product.low & Self.modulus + (product.low >> 61 | product.high << 3)
        return folded & Self.modulus + folded >> 61
    }
}
