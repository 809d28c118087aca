internal import CHDF5
import FalconTensor

/// The element types that shards use. bfloat16 has no HDF5 type of its own and is stored as `uint16`.
package enum HDF5ElementType: String, Sendable {
    case float16, float32, int8, int32, int64, uint8, uint16

    /// Bytes of one element.
    package var size: Int {
        switch self {
        case .int8, .uint8: 1
        case .float16, .uint16: 2
        case .float32, .int32: 4
        case .int64: 8
        }
    }

    /// The library's type, little-endian. Called behind the door of `HDF5Library`.
    func makeHandle(_ path: String) throws -> HDF5Handle {
        let base: hid_t
        switch self {
        case .float16, .float32: base = falcon_h5_float32()
        case .int8: base = falcon_h5_int8()
        case .int32: base = falcon_h5_int32()
        case .int64: base = falcon_h5_int64()
        case .uint8: base = falcon_h5_uint8()
        case .uint16: base = falcon_h5_uint16()
        }
        let handle = try HDF5Handle(H5Tcopy(base), "H5Tcopy", path, closing: H5Tclose)
        if self == .float16 {
            // IEEE half: 1 sign bit, 5 exponent bits, 10 mantissa bits; the fields first, then the smaller size.
            try HDF5Library.check(H5Tset_fields(handle.identifier, 15, 10, 5, 0, 10), "H5Tset_fields", path)
            try HDF5Library.check(H5Tset_size(handle.identifier, 2), "H5Tset_size", path)
            try HDF5Library.check(H5Tset_ebias(handle.identifier, 15), "H5Tset_ebias", path)
        }
        return handle
    }
}

extension FixedWidthInteger where Self: BitwiseCopyable {
    /// Whole numbers from little-endian bytes, as they stand in a file.
    static func array(littleEndian bytes: [UInt8]) -> [Self] {
        let size = MemoryLayout<Self>.size
        precondition(bytes.count % size == 0, "\(bytes.count) bytes are no whole numbers of \(size)")
        return unsafe bytes.withUnsafeBytes { raw in
            (0..<bytes.count / size).map { index in
                unsafe Self(littleEndian: raw.loadUnaligned(fromByteOffset: index * size, as: Self.self))
            }
        }
    }

    /// The little-endian bytes of whole numbers.
    static func bytes(of values: [Self]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * MemoryLayout<Self>.size)
        for value in values {
            unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}
