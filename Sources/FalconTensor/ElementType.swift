internal import CFalconKernels

/// How a stored number is written in a file. Arithmetic is always float32.
package enum ElementType: String, Sendable, CaseIterable, Codable {
    case float32, float16, bfloat16

    /// Bytes of one value.
    package var size: Int { self == .float32 ? 4 : 2 }
}

/// Widening stored numbers to float32 and narrowing them again, both exact or rounded to nearest even.
extension Tensor {
    /// Reads a tensor from raw little-endian bytes.
    ///
    /// - Parameters:
    ///   - bytes: exactly `count(shape) * type.size` bytes, aligned or not; traps otherwise.
    ///   - type: how they are written.
    package init(bytes: [UInt8], as type: ElementType, _ shape: [Int]) {
        unsafe self = bytes.withUnsafeBytes { unsafe Tensor(raw: $0, as: type, shape) }
    }

    /// Reads a tensor from a mapped file, without a copy in between.
    package init(file: MappedFile, range: Range<Int>, as type: ElementType, _ shape: [Int]) {
        unsafe self.init(raw: UnsafeRawBufferPointer(rebasing: file.buffer(range)), as: type, shape)
    }

    init(raw: UnsafeRawBufferPointer, as type: ElementType, _ shape: [Int]) {
        self.init(uninitialized: shape)
        precondition(
            raw.count == count * type.size, "\(raw.count) bytes do not fill the shape \(shape) of \(type)")
        guard count > 0 else { return }
        switch type {
        case .float32:
            unsafe UnsafeMutableRawPointer(storage.base).copyMemory(from: raw.baseAddress!, byteCount: raw.count)
        case .float16: unsafe falcon_widen_float16(raw.baseAddress!, storage.base, count)
        case .bfloat16: unsafe falcon_widen_bfloat16(raw.baseAddress!, storage.base, count)
        }
    }

    /// The values as raw little-endian bytes of the given type, rounded to nearest even. A value too large for
    /// float16 becomes infinite; see `isFinite`.
    package func bytes(as type: ElementType) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count * type.size) { target, used in
            used = count * type.size
            guard count > 0 else { return }
            let raw = UnsafeMutableRawPointer(target.baseAddress!)
            switch type {
            case .float32: unsafe raw.copyMemory(from: pointer, byteCount: used)
            case .float16: unsafe falcon_narrow_float16(pointer, raw, count)
            case .bfloat16: unsafe falcon_narrow_bfloat16(pointer, raw, count)
            }
        }
    }

    /// Whether no value is infinite or not a number.
    package var isFinite: Bool { unsafe falcon_all_finite(pointer, count) != 0 }
}
