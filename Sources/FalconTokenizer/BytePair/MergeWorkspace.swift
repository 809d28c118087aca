/// The symbols of one word while they are merged: a linked list over arrays, and a heap of possible merges.
///
/// Kept between words so that encoding does not allocate.
struct MergeWorkspace {
    private var tokens: [Int32] = []
    /// How many bytes of the word each symbol covers.
    private var lengths: [Int32] = []
    /// The symbol after this one; `count` at the end, -1 for a symbol that was merged into its left neighbour.
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// Possible merges as rank << 32 | position: lowest rank first, then leftmost.
    private var proposals = BinaryHeap<UInt64>()

    mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
    }

    mutating func append(_ token: Int32, length: Int) {
        tokens.append(token)
        lengths.append(Int32(length))
    }

    /// Merges neighbours, always the merge of lowest rank and among equals the leftmost, until none is left.
    /// O(n log n) in the number of symbols.
    mutating func merge(_ table: MergeTable) {
        let count = tokens.count
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        proposals.removeAll()
        for index in 0..<count {
            next.append(Int32(index + 1))
            previous.append(Int32(index - 1))
        }
        for index in 0..<max(0, count - 1) { propose(index, table) }
        while let top = proposals.pop() {
            let left = Int(top & 0xffff_ffff)
            let right = Int(next[left])
            // A stale proposal: the symbol is gone, is the last, or one of the two has grown since.
            guard right >= 0, right < count, let merge = table.merge(tokens[left], tokens[right]),
                UInt64(merge.rank) == top >> 32
            else { continue }
            tokens[left] = merge.result
            lengths[left] += lengths[right]
            let after = Int(next[right])
            next[left] = Int32(after)
            next[right] = -1
            if after < count {
                previous[after] = Int32(left)
                propose(left, table)
            }
            if previous[left] >= 0 { propose(Int(previous[left]), table) }
        }
    }

    /// The symbol at `index` after `merge`, and moves `index`, at first 0, to the one after it; `nil` at the end.
    func next(_ index: inout Int) -> (token: Int32, length: Int)? {
        guard index < tokens.count else { return nil }
        defer { index = Int(next[index]) }
        return (tokens[index], Int(lengths[index]))
    }

    private mutating func propose(_ left: Int, _ table: MergeTable) {
        guard let merge = table.merge(tokens[left], tokens[Int(next[left])]) else { return }
        proposals.push(UInt64(merge.rank) << 32 | UInt64(left))
    }
}
