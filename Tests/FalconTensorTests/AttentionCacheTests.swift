import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Heads of one attention, with rows of queries, keys and values side by side.
struct AttentionShape: CustomTestStringConvertible, Sendable {
    let heads: Int
    let keyValueHeads: Int
    let size: Int

    var width: Int { (heads + 2 * keyValueHeads) * size }
    var testDescription: String { "\(heads) heads over \(keyValueHeads), of \(size)" }

    func rows(_ count: Int, seed: UInt64) -> Tensor {
        var source = RandomSource(seed: seed)
        return Tensor(normal: 1, [count, width], from: &source)
    }

    func cache(_ rows: Tensor, capacity: Int, window: Int? = nil, on pool: ThreadPool) -> AttentionCache {
        let cache = AttentionCache(
            heads: heads, keyValueHeads: keyValueHeads, headSize: size, capacity: capacity, window: window)
        var placed = rows
        cache.place(&placed, angles: nil, at: 0, on: pool)
        return cache
    }

    /// Softmax attention in double precision over a list of slots.
    func reference(_ rows: Tensor, query: Int, seen: [Int]) -> [Float] {
        let query = rows.row(query)
        let seen = seen.map { rows.row($0) }
        var result: [Float] = []
        for head in 0..<heads {
            let keyColumn = (heads + head / (heads / keyValueHeads)) * size
            let valueColumn = keyColumn + keyValueHeads * size
            let scores = seen.map { row in
                (0..<size).reduce(0.0) { $0 + Double(query[head * size + $1]) * Double(row[keyColumn + $1]) }
                    / Double(size).squareRoot()
            }
            let largest = scores.max()!
            let weights = scores.map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            for d in 0..<size {
                let sum = zip(weights, seen).reduce(0.0) { $0 + $1.0 * Double($1.1[valueColumn + d]) }
                result.append(Float(sum / total))
            }
        }
        return result
    }

    static let several = [
        AttentionShape(heads: 4, keyValueHeads: 2, size: 12), AttentionShape(heads: 3, keyValueHeads: 3, size: 16),
        AttentionShape(heads: 4, keyValueHeads: 4, size: 32), AttentionShape(heads: 8, keyValueHeads: 1, size: 64),
        AttentionShape(heads: 6, keyValueHeads: 2, size: 80), AttentionShape(heads: 5, keyValueHeads: 1, size: 128),
    ]
}

@Suite struct AttentionCacheTests {
    @Test("attention over a prefix and listed slots agrees with double precision", arguments: AttentionShape.several)
    func attentionIsRight(shape: AttentionShape) {
        let pool = ThreadPool(threadCount: 2)
        let all = shape.rows(90, seed: 1)
        let cache = shape.cache(all, capacity: 90, on: pool)
        let masks: [AttentionCache.Visible] = (0..<90).map {
            $0 % 3 == 0
                ? .init(prefix: $0 + 1) : .init(prefix: $0 / 2, extra: [Int32($0 / 2), Int32($0)].filter { $0 >= 0 })
        }
        let result = cache.attend(all, visible: masks, slots: 90, on: pool)
        for row in 0..<90 {
            let seen = Array(0..<masks[row].prefix) + masks[row].extra.map(Int.init)
            expectClose(result.row(row), shape.reference(all, query: row, seen: seen), absolute: 3e-6, "row \(row)")
        }
    }

    @Test("a row that sees the same keys through a prefix, a list or after a move has the same bits")
    func placeDoesNotMatter() {
        let shape = AttentionShape(heads: 4, keyValueHeads: 2, size: 12)
        let pool = ThreadPool(threadCount: 1)
        let all = shape.rows(70, seed: 2)
        func cache() -> AttentionCache { shape.cache(all, capacity: 128, on: pool) }
        let query = all.rows(69..<70)
        let straight = cache().attend(query, visible: [.init(prefix: 70)], slots: 70, on: pool)
        let listed = cache().attend(
            query, visible: [.init(prefix: 41, extra: (41..<70).map(Int32.init))], slots: 70, on: pool)
        #expect(straight == listed)

        // The same keys, the last two kept elsewhere and moved back.
        let moved = cache()
        moved.move(from: 68, to: 100)
        moved.move(from: 69, to: 101)
        let elsewhere = moved.attend(
            query, visible: [.init(prefix: 68, extra: [100, 101])], slots: 102, on: pool)
        #expect(straight == elsewhere)
        moved.move(from: 0, to: 68)
        moved.move(from: 100, to: 68)
        moved.move(from: 101, to: 69)
        #expect(straight == moved.attend(query, visible: [.init(prefix: 70)], slots: 70, on: pool))
    }

    @Test("rows of random trees have the bits that they have alone", arguments: AttentionShape.several)
    func treeRowsAreAsAlone(shape: AttentionShape) {
        let pool = ThreadPool(threadCount: 2)
        var source = RandomSource(seed: 3)
        let most = shape.rows(170, seed: 3)
        for count in [1, 2, 3, 5, 8, 17, 33, 70] {
            let committed = source.below(100)
            let all = most.rows(0..<committed + count)
            let cache = shape.cache(all, capacity: committed + count, on: pool)
            var masks: [AttentionCache.Visible] = []
            for row in 0..<count {
                let parent = source.below(row + 1) - 1
                let above = parent < 0 ? [] : masks[parent].extra
                masks.append(.init(prefix: committed, extra: above + [Int32(committed + row)]))
            }
            let queries = all.rows(committed..<committed + count)
            let together = cache.attend(queries, visible: masks, slots: committed + count, on: pool)
            for row in 0..<count {
                let alone = cache.attend(
                    queries.rows(row..<row + 1), visible: [masks[row]], slots: committed + count, on: pool)
                #expect(together.row(row) == alone.row(0), "row \(row) of \(count) behind \(committed)")
                // Plain decoding of the same path: its keys in consecutive slots of a cache of their own.
                let path = all.rows(Array(0..<committed) + masks[row].extra.map(Int.init))
                let plain = shape.cache(path, capacity: path.rowCount, on: pool).attend(
                    queries.rows(row..<row + 1), visible: [.init(prefix: path.rowCount)], slots: path.rowCount,
                    on: pool)
                #expect(together.row(row) == plain.row(0), "path \(row) of \(count) behind \(committed)")
            }
        }
    }

    @Test("a sequence has the same bits in one pass, in pieces and row by row")
    func splitDoesNotMatter() {
        let shape = AttentionShape(heads: 2, keyValueHeads: 1, size: 32)
        let pool = ThreadPool(threadCount: 2)
        let length = 3000
        let all = shape.rows(length, seed: 4)
        let cache = shape.cache(all, capacity: length, on: pool)
        func attend(_ range: Range<Int>) -> Tensor {
            cache.attend(
                all.rows(range), visible: range.map { .init(prefix: $0 + 1) }, slots: range.upperBound, on: pool)
        }
        let tail = attend(2900..<3000)
        for range in [2900..<2901, 2999..<3000, 2910..<2917, 2950..<3000, 2983..<3000] {
            let part = attend(range)
            for row in range { #expect(part.row(row - range.lowerBound) == tail.row(row - 2900), "row \(row)") }
        }
        expectClose(
            tail.row(99), shape.reference(all, query: 2999, seen: Array(0..<3000)), absolute: 3e-6, "long context")
        let head = attend(0..<130)
        for row in stride(from: 0, to: 130, by: 7) {
            #expect(attend(row..<row + 1).row(0) == head.row(row), "row \(row)")
        }
    }

    @Test("keys that a row does not see cannot reach it, not even as something that is no number")
    func unseenKeysDoNotMatter() {
        let shape = AttentionShape(heads: 4, keyValueHeads: 4, size: 16)
        let pool = ThreadPool(threadCount: 1)
        var all = shape.rows(40, seed: 5)
        let masks: [AttentionCache.Visible] = (0..<40).map { .init(prefix: $0 + 1) }
        let clean = shape.cache(all, capacity: 40, on: pool).attend(all, visible: masks, slots: 40, on: pool)
        for column in 0..<shape.width { all[20, column] = .nan }
        let broken = shape.cache(all, capacity: 40, on: pool).attend(all, visible: masks, slots: 40, on: pool)
        for row in 0..<20 { #expect(clean.row(row) == broken.row(row), "row \(row)") }
        for row in 20..<40 {
            let isBroken = broken.row(row).allSatisfy { $0.isNaN }
            #expect(isBroken, "row \(row)")
        }
    }

    @Test(
        "a window shows the last keys, with the same bits in a pass, in a tree and alone", arguments: [1, 5, 64, 150])
    func windowIsRight(window: Int) {
        let shape = AttentionShape(heads: 4, keyValueHeads: 2, size: 12)
        let pool = ThreadPool(threadCount: 2)
        let length = 300
        let all = shape.rows(length, seed: 6)
        let cache = shape.cache(all, capacity: length, window: window, on: pool)
        let together = cache.attend(all, visible: (1...length).map { .init(prefix: $0) }, slots: length, on: pool)
        for row in stride(from: 0, to: length, by: 11) {
            let seen = Array(max(0, row + 1 - window)...row)
            expectClose(
                together.row(row), shape.reference(all, query: row, seen: seen), absolute: 3e-6, "row \(row)")
            let query = all.rows(row..<row + 1)
            let alone = cache.attend(query, visible: [.init(prefix: row + 1)], slots: length, on: pool)
            #expect(together.row(row) == alone.row(0), "row \(row)")
            // The last keys as nodes of a tree, more of them than a small window shows.
            let prefix = max(0, row - 9)
            let listed = cache.attend(
                query, visible: [.init(prefix: prefix, extra: (prefix...row).map(Int32.init))], slots: length, on: pool)
            #expect(together.row(row) == listed.row(0), "row \(row) by list")
        }
        let whole = shape.cache(all, capacity: length, on: pool)
        let last = all.rows(length - 1..<length)
        let unbounded = whole.attend(last, visible: [.init(prefix: length)], slots: length, on: pool)
        let bounded = shape.cache(all, capacity: length, window: length, on: pool)
        #expect(unbounded == bounded.attend(last, visible: [.init(prefix: length)], slots: length, on: pool))
    }
}
