/// A block of float32 memory aligned to 64 bytes (one cache line, one AVX-512 register), owned by one object.
///
/// The only owner of tensor memory. `Tensor` shares it copy-on-write; nothing outside this module sees the pointer.
@safe final class TensorStorage: @unchecked Sendable {
    let count: Int
    let base: UnsafeMutablePointer<Float>

    /// Allocates `count` values without setting them.
    init(uninitialized count: Int) {
        precondition(count >= 0, "a tensor cannot hold \(count) values")
        self.count = count
        // One spare vector at the end keeps a zero-sized tensor addressable.
        let bytes = max(count, 16) * MemoryLayout<Float>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        unsafe base = raw.bindMemory(to: Float.self, capacity: max(count, 16))
    }

    deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }
}
