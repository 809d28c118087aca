import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct AttentionCacheTests {
    let heads = 4
    let keyValueHeads = 2
    let size = 12

    func rows(_ count: Int, seed: UInt64) -> Tensor {
        var source = RandomSource(seed: seed)
        return Tensor(normal: 1, [count, (heads + 2 * keyValueHeads) * size], from: &source)
    }

    /// Softmax attention in double precision over a list of slots.
    func reference(_ rows: Tensor, query: Int, seen: [Int]) -> [Float] {
        var result: [Float] = []
        for head in 0..<heads {
            let keyColumn = (heads + head / (heads / keyValueHeads)) * size
            let valueColumn = keyColumn + keyValueHeads * size
            let scores = seen.map { slot in
                (0..<size).reduce(0.0) {
                    $0 + Double(rows[query, head * size + $1]) * Double(rows[slot, keyColumn + $1])
                } / Double(size).squareRoot()
            }
            let weights = scores.map { exp($0 - scores.max()!) }
            for d in 0..<size {
                let sum = zip(weights, seen).reduce(0.0) { $0 + $1.0 * Double(rows[$1.1, valueColumn + d]) }
                result.append(Float(sum / weights.reduce(0, +)))
            }
        }
        return result
    }

    @Test("attention over a prefix and listed slots agrees with double precision")
    func attentionIsRight() {
        let pool = ThreadPool(threadCount: 2)
        let all = rows(90, seed: 1)
        let cache = AttentionCache(heads: heads, keyValueHeads: keyValueHeads, headSize: size, capacity: 90)
        cache.store(all, keyColumn: heads * size, valueColumn: (heads + keyValueHeads) * size, at: 0)
        let masks: [AttentionCache.Visible] = (0..<90).map {
            $0 % 3 == 0
                ? .init(prefix: $0 + 1) : .init(prefix: $0 / 2, extra: [Int32($0 / 2), Int32($0)].filter { $0 >= 0 })
        }
        let result = cache.attend(all, visible: masks, slots: 90, on: pool)
        for row in 0..<90 {
            let seen = Array(0..<masks[row].prefix) + masks[row].extra.map(Int.init)
            expectClose(result.row(row), reference(all, query: row, seen: seen), absolute: 2e-6, "row \(row)")
        }
    }

    @Test("a row that sees the same keys through a prefix, a list or after a move has the same bits")
    func placeDoesNotMatter() {
        let pool = ThreadPool(threadCount: 1)
        let all = rows(70, seed: 2)
        func cache() -> AttentionCache {
            let cache = AttentionCache(heads: heads, keyValueHeads: keyValueHeads, headSize: size, capacity: 128)
            cache.store(all, keyColumn: heads * size, valueColumn: (heads + keyValueHeads) * size, at: 0)
            return cache
        }
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
}
