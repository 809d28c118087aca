internal import CFalconKernels
import Foundation
import Synchronization

/// Large blocks of memory, kept for the next tensors once they are free.
///
/// Every training step takes and gives back the same gigabytes in blocks of some megabytes. Mapped again each time,
/// they cost a page fault every 4 KiB (half of a step at hidden 256); left to the C library, blocks of different sizes
/// do not fit each other's holes, and the process grows by half. Here a request is served by a free block of its size
/// or, where there is none, by the pages of other free blocks, moved together: that costs a hundredth of new pages.
/// So the pool never holds more than tensors once held at one time.
///
/// Like the C library's own allocator, it is one for the whole process and changes no result.
@safe package final class BlockPool: Sendable {
    /// What tensors take their memory from.
    static let tensors = BlockPool()

    /// Smaller blocks are the C library's, and smaller pieces of free blocks are not moved: the system counts pieces.
    package static let smallestBlock = 1 << 20

    fileprivate struct Blocks {
        /// Addresses of free blocks by their size in bytes.
        var free: [Int: [UInt]] = [:]
        /// Of blocks that were put together, free or in use: the sizes of their pieces, in order, by the address.
        var pieces: [UInt: [Int]] = [:]
        var freeBytes = 0
        var usedBytes = 0
        /// The most that was ever in use at once.
        var mostUsedBytes = 0
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
        let address: UInt? = blocks.withLock { blocks in
            blocks.usedBytes += size
            blocks.mostUsedBytes = max(blocks.mostUsedBytes, blocks.usedBytes)
            if let address = blocks.popFree(size) { return address }
            guard let base = unsafe SystemMemory.map(size) else { return nil }
            let address = UInt(bitPattern: base)
            blocks.fill(address, size)
            blocks.unmap(allowed: blocks.mostUsedBytes)
            return address
        }
        if let address { return unsafe UnsafeMutableRawPointer(bitPattern: address)! }
        // Free blocks of other sizes may be in the way.
        blocks.withLock { $0.unmap(allowed: 0) }
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
        blocks.withLock { $0.unmap(allowed: 0) }
    }
}

extension BlockPool.Blocks {
    /// Moves pages of free blocks into a new one that nobody has touched, the largest blocks first, until it is full
    /// or none are left. What was cut off stays free; what is too small to be moved goes back to the system.
    fileprivate mutating func fill(_ address: UInt, _ size: Int) {
        var filled: [Int] = []
        var missing = size
        var canMove = true
        while canMove, missing >= BlockPool.smallestBlock, let (source, sourceSize) = largestFree() {
            var start = source
            for piece in pieces.removeValue(forKey: source) ?? [sourceSize] {
                var moved = min(piece, missing)
                if moved < BlockPool.smallestBlock || !canMove { moved = 0 }
                if moved > 0, !BlockPool.Blocks.move(start, to: address + UInt(size - missing), moved) {
                    (canMove, moved) = (false, 0)
                }
                if moved > 0 { filled.append(moved) }
                missing -= moved
                keep(start + UInt(moved), piece - moved)
                start += UInt(piece)
            }
        }
        if !filled.isEmpty, filled != [size] { pieces[address] = filled + (missing > 0 ? [missing] : []) }
    }

    /// Takes out a free block of a size.
    fileprivate mutating func popFree(_ size: Int) -> UInt? {
        guard let address = free[size]?.popLast() else { return nil }
        if free[size]?.isEmpty == true { free[size] = nil }
        freeBytes -= size
        return address
    }

    private mutating func largestFree() -> (address: UInt, size: Int)? {
        guard let size = free.keys.max(), let address = popFree(size) else { return nil }
        return (address, size)
    }

    /// Keeps a piece of a free block as a block, unless it is too small.
    private mutating func keep(_ address: UInt, _ size: Int) {
        if size >= BlockPool.smallestBlock {
            free[size, default: []].append(address)
            freeBytes += size
        } else if size > 0 {
            BlockPool.Blocks.unmap(address, size)
        }
    }

    private static func move(_ source: UInt, to target: UInt, _ size: Int) -> Bool {
        let moved = unsafe falcon_move_pages(
            UnsafeMutableRawPointer(bitPattern: source), UnsafeMutableRawPointer(bitPattern: target), size)
        if moved < 0 { SystemMemory.refused(size) }
        return moved != 0
    }

    private static func unmap(_ address: UInt, _ size: Int) {
        unsafe munmap(UnsafeMutableRawPointer(bitPattern: address), size)
    }

    /// Gives free blocks back to the system, the largest first, until no more bytes are held than are allowed.
    fileprivate mutating func unmap(allowed: Int) {
        while usedBytes + freeBytes > allowed, let (address, size) = largestFree() {
            BlockPool.Blocks.unmap(address, size)
            pieces[address] = nil
        }
    }
}
