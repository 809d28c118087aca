import Foundation
import Synchronization

/// Large blocks of memory, kept for the next tensor of about the same size once they are free.
///
/// Every training step takes and gives back the same gigabytes in blocks of some megabytes. Mapped anew each time,
/// they cost a page fault every 4 KiB (half of a step at hidden 256); left to the C library, blocks of different sizes
/// do not fit each other's holes, and the process grows by half. The pool holds what tensors once held at one time and
/// a little more: before it maps another, it gives free blocks of other sizes back to the system.
///
/// Like the C library's own allocator, it is one for the whole process and changes no result.
@safe package final class BlockPool: Sendable {
    /// What tensors take their memory from.
    static let tensors = BlockPool()

    /// Smaller blocks are the C library's.
    package static let smallestBlock = 1 << 20

    /// What may be held beyond the most that was once in use, at most a quarter of it. With nothing to spare, blocks
    /// came and went within each step: a tenth of its time.
    package static let mostSpareBytes = 128 << 20

    private struct Blocks {
        /// Addresses of free blocks by their size in bytes.
        var free: [Int: [UInt]] = [:]
        var freeBytes = 0
        var usedBytes = 0
        /// The most that was ever in use at once.
        var mostUsedBytes = 0
        /// What may be held: few more than once were in use.
        var allowedBytes: Int { mostUsedBytes + min(mostUsedBytes / 4, BlockPool.mostSpareBytes) }
    }

    private let blocks = Mutex(Blocks())

    package init() {}

    /// Bytes of blocks in use, of free ones, and the most that were in use at once.
    package var byteCounts: (used: Int, free: Int, mostUsed: Int) {
        blocks.withLock { ($0.usedBytes, $0.freeBytes, $0.mostUsedBytes) }
    }

    /// The size of the block that serves a request: eight sizes for each doubling, so that tensors of nearly equal
    /// lengths share blocks. What a tensor does not touch of its block takes no memory.
    package static func blockSize(for byteCount: Int) -> Int {
        let step = max(1 << 17, 1 << (Int.bitWidth - 1 - byteCount.leadingZeroBitCount - 3))
        return (byteCount + step - 1) / step * step
    }

    /// Takes a block of `blockSize(for:)` bytes, aligned to 64 bytes at least, its contents undefined.
    package func take(_ size: Int) -> UnsafeMutableRawPointer {
        let kept: UInt? = blocks.withLock { blocks in
            blocks.usedBytes += size
            blocks.mostUsedBytes = max(blocks.mostUsedBytes, blocks.usedBytes)
            if let address = blocks.free[size]?.popLast() {
                blocks.freeBytes -= size
                return address
            }
            BlockPool.unmap(&blocks, allowed: blocks.allowedBytes)
            return nil
        }
        if let kept { return unsafe UnsafeMutableRawPointer(bitPattern: kept)! }
        if let base = unsafe SystemMemory.map(size) { return unsafe base }
        // Free blocks of other sizes may be in the way.
        blocks.withLock { BlockPool.unmap(&$0, allowed: 0) }
        guard let base = unsafe SystemMemory.map(size) else { SystemMemory.refused(size) }
        return unsafe base
    }

    /// Gives a block of `size` bytes back.
    package func give(_ base: UnsafeMutableRawPointer, _ size: Int) {
        let address = UInt(bitPattern: base)
        blocks.withLock { blocks in
            blocks.usedBytes -= size
            blocks.freeBytes += size
            blocks.free[size, default: []].append(address)
        }
    }

    deinit {
        blocks.withLock { blocks in
            BlockPool.unmap(&blocks, allowed: 0)
        }
    }

    /// Gives free blocks back to the system, the largest first, until no more bytes are held than are allowed.
    private static func unmap(_ blocks: inout Blocks, allowed: Int) {
        for size in blocks.free.keys.sorted(by: >) {
            while blocks.usedBytes + blocks.freeBytes > allowed, let address = blocks.free[size]?.popLast() {
                unsafe munmap(UnsafeMutableRawPointer(bitPattern: address), size)
                blocks.freeBytes -= size
            }
        }
    }
}
