import FalconTensor
import Testing

@Suite struct BlockPoolTests {
    @Test("a block is at least as large as asked for, and at most an eighth larger")
    func sizes() {
        for byteCount in [1 << 20, (1 << 20) + 1, 3_000_000, 11_534_336, 40_000_000, 1 << 30] {
            let size = BlockPool.blockSize(for: byteCount)
            #expect(size >= byteCount)
            #expect(size <= byteCount + byteCount / 8)
            #expect(BlockPool.blockSize(for: size) == size)
        }
    }

    @Test("a free block serves the next request of its size")
    func reuse() {
        let pool = BlockPool()
        let size = BlockPool.blockSize(for: 3 << 20)
        let first = pool.take(size)
        pool.give(first, size)
        #expect(pool.byteCounts.free == size)
        let second = pool.take(size)
        #expect(second == first)
        #expect(pool.byteCounts.free == 0)
        pool.give(second, size)
    }

    @Test("little more is held than was once in use, whatever sizes come")
    func bound() {
        let pool = BlockPool()
        var random = SystemRandomNumberGenerator()
        var taken: [(base: UnsafeMutableRawPointer, size: Int)] = []
        for _ in 0..<2000 {
            if taken.count > 12 || (!taken.isEmpty && Bool.random(using: &random)) {
                let block = taken.remove(at: Int.random(in: 0..<taken.count, using: &random))
                #expect(block.base.load(as: Int.self) == block.size)
                pool.give(block.base, block.size)
            } else {
                let size = BlockPool.blockSize(for: Int.random(in: 1 << 20...4 << 20, using: &random))
                let base = pool.take(size)
                base.storeBytes(of: size, as: Int.self)
                base.storeBytes(of: 1, toByteOffset: size - 1, as: UInt8.self)
                taken.append((base, size))
            }
            let counts = pool.byteCounts
            #expect(counts.used == taken.reduce(0) { $0 + $1.size })
            #expect(counts.used + counts.free <= counts.mostUsed + counts.mostUsed / 4)
        }
        for block in taken { pool.give(block.base, block.size) }
    }

    @Test("threads that take and give at once never share a block")
    func threads() {
        let pool = BlockPool()
        ThreadPool(threadCount: 4).run(64) { piece in
            for round in 0..<20 {
                let size = BlockPool.blockSize(for: (1 + (piece + round) % 3) << 20)
                let base = pool.take(size)
                base.storeBytes(of: piece, as: Int.self)
                #expect(base.load(as: Int.self) == piece)
                pool.give(base, size)
            }
        }
        #expect(pool.byteCounts.used == 0)
    }
}
