import CFalconKernels
import FalconTensor
import Foundation
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

    @Test("a block is put together from free ones of other sizes, and taken apart again")
    func otherSizes() {
        let pool = BlockPool()
        let megabyte = 1 << 20
        let small = (0..<4).map { _ in pool.take(2 * megabyte) }
        for (number, base) in small.enumerated() { BlockPoolTests.mark(base, 2 * megabyte, number) }
        for base in small { pool.give(base, 2 * megabyte) }
        let large = pool.take(7 * megabyte)
        #expect(pool.byteCounts.free == megabyte)
        BlockPoolTests.mark(large, 7 * megabyte, 9)
        let rest = pool.take(megabyte)
        BlockPoolTests.mark(rest, megabyte, 8)
        #expect(pool.byteCounts.free == 0)
        #expect(BlockPoolTests.isMarked(large, 7 * megabyte, 9))
        pool.give(large, 7 * megabyte)
        let odd = [3, 4].map { pool.take($0 * megabyte) }
        for (number, base) in odd.enumerated() { BlockPoolTests.mark(base, (3 + number) * megabyte, number) }
        #expect(BlockPoolTests.isMarked(odd[0], 3 * megabyte, 0) && BlockPoolTests.isMarked(rest, megabyte, 8))
        #expect(pool.byteCounts.free == 0 && pool.byteCounts.mostUsed == 8 * megabyte)
        for (number, base) in odd.enumerated() { pool.give(base, (3 + number) * megabyte) }
        pool.give(rest, megabyte)
    }

    /// Writes a number into each page of a block.
    private static func mark(_ base: UnsafeMutableRawPointer, _ size: Int, _ number: Int) {
        for offset in stride(from: 0, to: size, by: 4096) {
            base.storeBytes(of: number, toByteOffset: offset, as: Int.self)
        }
    }

    private static func isMarked(_ base: UnsafeMutableRawPointer, _ size: Int, _ number: Int) -> Bool {
        stride(from: 0, to: size, by: 4096).allSatisfy { base.load(fromByteOffset: $0, as: Int.self) == number }
    }

    @Test("pages that the system does not move stay where they are, and leave zeros where they were wanted")
    func unmovable() throws {
        let size = 1 << 20
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let source = try #require(mmap(nil, 2 * size, PROT_READ | PROT_WRITE, flags, -1, 0))
        let target = try #require(mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0))
        try #require(source != MAP_FAILED && target != MAP_FAILED)
        BlockPoolTests.mark(source, 2 * size, 7)
        // No start of a page, then a range in two pieces, which old systems refuse when the target is gone already.
        #expect(falcon_move_pages(source + 1, target, size) == 0)
        #expect(BlockPoolTests.isMarked(source, 2 * size, 7) && BlockPoolTests.isMarked(target, size, 0))
        mprotect(source + size, size, PROT_READ)
        if falcon_move_pages(source + size / 2, target, size) == 0 {
            #expect(BlockPoolTests.isMarked(source, 2 * size, 7) && BlockPoolTests.isMarked(target, size, 0))
        }
        munmap(source, 2 * size)
        munmap(target, size)
    }

    @Test("no more is held than was once in use, whatever sizes come, and no two blocks share a page")
    func bound() {
        let pool = BlockPool()
        var random = SystemRandomNumberGenerator()
        var taken: [(base: UnsafeMutableRawPointer, size: Int, number: Int)] = []
        for number in 0..<2000 {
            if taken.count > 12 || (!taken.isEmpty && Bool.random(using: &random)) {
                let block = taken.remove(at: Int.random(in: 0..<taken.count, using: &random))
                #expect(BlockPoolTests.isMarked(block.base, block.size, block.number))
                pool.give(block.base, block.size)
            } else {
                let size = BlockPool.blockSize(for: Int.random(in: 1 << 20...4 << 20, using: &random))
                let base = pool.take(size)
                BlockPoolTests.mark(base, size, number)
                taken.append((base, size, number))
            }
            let counts = pool.byteCounts
            #expect(counts.used == taken.reduce(0) { $0 + $1.size })
            #expect(counts.used + counts.free <= counts.mostUsed)
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
