import Foundation

/// A block of float32 memory aligned to 64 bytes (one cache line, one AVX-512 register), owned by one object.
///
/// The only owner of tensor memory. `Tensor` shares it copy-on-write; nothing outside this module sees the pointer.
@safe final class TensorStorage: @unchecked Sendable {
    let count: Int
    let base: UnsafeMutablePointer<Float>
    /// Bytes of the pool's block that holds the values; nil where the block is small and the C library's.
    private let blockSize: Int?

    /// Allocates `count` values without setting them.
    init(uninitialized count: Int) {
        precondition(count >= 0, "a tensor cannot hold \(count) values")
        self.count = count
        // One spare vector at the end keeps a zero-sized tensor addressable.
        let bytes = max(count, 16) * MemoryLayout<Float>.stride
        blockSize = bytes < BlockPool.smallestBlock ? nil : BlockPool.blockSize(for: bytes)
        let raw =
            if let blockSize { unsafe BlockPool.tensors.take(blockSize) } else {
                unsafe SystemMemory.allocate(bytes, alignment: 64)
            }
        unsafe base = raw.bindMemory(to: Float.self, capacity: max(count, 16))
    }

    deinit {
        let raw = unsafe UnsafeMutableRawPointer(base)
        if let blockSize { unsafe BlockPool.tensors.give(raw, blockSize) } else { unsafe free(raw) }
    }
}
