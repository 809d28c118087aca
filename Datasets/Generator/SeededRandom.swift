/// SplitMix64 (Steele, Lea, Flood 2014): one number stream per dialogue, so that a new kind of
/// task changes no other.
///
/// Ranges are drawn here and not by the standard library, whose algorithm may change between versions:
/// the datasets must come out byte for byte the same from the same seed.
struct SeededRandom {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    mutating func chance(percent: Int) -> Bool {
        integer(1...100) <= percent
    }

    mutating func pick<Item>(_ items: [Item]) -> Item {
        items[integer(0...(items.count - 1))]
    }

    /// `count` different places of `items`, in random order.
    mutating func pick<Item>(_ count: Int, from items: [Item]) -> [Item] {
        precondition(count <= items.count, "cannot draw \(count) of \(items.count) items")
        var rest = items
        return (0..<count).map { _ in rest.remove(at: integer(0...(rest.count - 1))) }
    }

    mutating func shuffled<Item>(_ items: [Item]) -> [Item] {
        pick(items.count, from: items)
    }
}

/// FNV-1a, 64 bits: a hash that is the same on every machine and in every run, unlike `Hasher`.
func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
