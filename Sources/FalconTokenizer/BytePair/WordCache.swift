/// The tokens of words met before: ordinary text repeats its words, and a lookup is many times faster than merging.
///
/// Bounded: when full it starts again. What it holds never changes a result.
struct WordCache {
    /// Longer words are rarely met again.
    private static let longestWord = 48
    private static let capacity = 1 << 16

    private var words = ByteKeyTable(capacity: 1 << 12)
    private var ends: [Int] = [0]
    private var tokens: [Int32] = []
    private var lengths: [Int32] = []
    private var workspace = MergeWorkspace()

    /// Calls `body` with each token of the word and the number of its bytes, in order.
    mutating func forEachToken(
        of bytes: [UInt8], _ range: Range<Int>, _ model: BytePairModel, _ body: (_ token: Int32, _ length: Int) -> Void
    ) {
        if range.count <= Self.longestWord {
            if let number = words.number(of: bytes, range) {
                for index in ends[number]..<ends[number + 1] { body(tokens[index], Int(lengths[index])) }
                return
            }
            if words.count >= Self.capacity { removeAll() }
            model.encode(bytes, range, in: &workspace)
            words.insert(bytes, range)
            var symbol = 0
            while let (token, length) = workspace.next(&symbol) {
                tokens.append(token)
                lengths.append(Int32(length))
                body(token, length)
            }
            ends.append(tokens.count)
        } else {
            model.encode(bytes, range, in: &workspace)
            var symbol = 0
            while let (token, length) = workspace.next(&symbol) { body(token, length) }
        }
    }

    private mutating func removeAll() {
        words.removeAll()
        ends.removeAll(keepingCapacity: true)
        ends.append(0)
        tokens.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
    }
}
