import CFalconKernels
import FalconTensor
import Foundation

/// Memory that ends where an unreadable page begins: reading or writing behind it ends the test.
final class GuardedMemory {
    let start: UnsafeMutableRawPointer
    let count: Int
    private let base: UnsafeMutableRawPointer
    private let whole: Int

    init(count: Int) {
        let page = Int(getpagesize())
        self.count = count
        whole = (count + page - 1) / page * page + page
        base = mmap(nil, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        precondition(base != MAP_FAILED, "no memory")
        precondition(mprotect(base + whole - page, page, PROT_NONE) == 0, "no guard")
        start = base + whole - page - count
        memset(start, 0xff, count)
    }

    convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        bytes.withUnsafeBytes { start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: count) }
    }

    deinit { munmap(base, whole) }

    var floats: UnsafeMutablePointer<Float> { start.assumingMemoryBound(to: Float.self) }
}

/// A matrix of blocks, rows for it, and the product through one variant.
struct BlockExample {
    /// The block types with products of their own, and the number of their form.
    static let forms: [(type: BlockType, form: Int32)] = [
        (.q4_0, Int32(FALCON_Q4_0_PANELS)), (.q4_1, Int32(FALCON_Q4_1_PANELS)), (.q5_0, Int32(FALCON_Q5_0_PANELS)),
        (.q5_1, Int32(FALCON_Q5_1_PANELS)), (.q8_0, Int32(FALCON_Q8_0_PANELS)), (.q4_K, Int32(FALCON_Q4_K_PANELS)),
        (.q5_K, Int32(FALCON_Q5_K_PANELS)), (.q6_K, Int32(FALCON_Q6_K_PANELS)), (.q3_K, Int32(FALCON_Q3_K_PANELS)),
        (.iq4_nl, Int32(FALCON_IQ4_NL_PANELS)), (.iq4_xs, Int32(FALCON_IQ4_XS_PANELS)),
        (.mxfp4, Int32(FALCON_MXFP4_PANELS)),
    ]

    let type: BlockType
    let form: Int32
    let columns, depth: Int
    var blocks: [UInt8]
    var x: [Float]
    let bias: [Float]

    init(_ type: BlockType, form: Int32, columns: Int, depth: Int, rows: Int) {
        (self.type, self.form, self.columns, self.depth) = (type, form, columns, depth)
        blocks = BlockExample.random(type, count: columns * depth / type.valueCount)
        x = InferenceKernelTests.values(rows * depth, 3)
        bias = InferenceKernelTests.values(columns, 2)
    }

    /// Where the half-precision scale of a block lies, and its minimum, if it has them.
    static func places(_ type: BlockType) -> (scale: Int?, minimum: Int?) {
        switch type {
        case .mxfp4: (nil, nil)
        case .q3_K: (108, nil)
        case .q2_K: (80, 82)
        case .tq1_0: (52, nil)
        case .tq2_0: (64, nil)
        case .q4_1, .q5_1, .q4_K, .q5_K: (0, 2)
        case .q6_K: (208, nil)
        default: (0, nil)
        }
    }

    /// Blocks of any bits, with scales of both signs and an ordinary size, some of them zero or very small.
    static func random(_ type: BlockType, count: Int) -> [UInt8] {
        var source = RandomSource(seed: 77)
        let (scale, minimum) = places(type)
        var bytes = (0..<count * type.byteCount).map { _ in UInt8(truncatingIfNeeded: source.next() >> 32) }
        for block in 0..<count {
            let size: Float = block % 7 == 3 ? 0 : block % 5 == 2 ? 1e-7 : 0.01
            let first = block * type.byteCount
            // The power of two of MXFP4.
            if scale == nil { bytes[first] = size == 0 ? 0 : UInt8(112 + block % 9) }
            for (place, value) in [(scale, source.normal() * size), (minimum, source.normal() * size)] {
                guard let place else { continue }
                let bits = Float16(value).bitPattern
                bytes[first + place] = UInt8(bits & 0xff)
                bytes[first + place + 1] = UInt8(bits >> 8)
            }
        }
        return bytes
    }

    var rowBytes: Int { depth / type.valueCount * type.byteCount }

    /// What the blocks stand for, `[columns, depth]`.
    var weights: [Float] {
        var values = [Float](repeating: 0, count: columns * depth)
        falcon_dequantize(Int32(type.rawValue), blocks, &values, columns * depth / type.valueCount)
        return values
    }

    /// The first `rows` rows, the panels in two parts as threads would take them.
    func product(_ kernels: UnsafePointer<falcon_product_kernels>, rows: Int) -> [Float] {
        let panels = (columns + 31) / 32
        // Blocks begin at any byte of a file.
        let stored = GuardedMemory([1] + blocks)
        let pointers = (0..<columns).map { UnsafeRawPointer(stored.start + 1 + $0 * rowBytes) as UnsafeRawPointer? }
        let packed = GuardedMemory(count: panels * falcon_panel_bytes(form, depth))
        falcon_pack_panels(kernels, form, pointers, columns, depth, 0, 0, panels, packed.start)
        return BlockExample.multiply(
            kernels, form: form, x: x, rows: rows, depth: depth, columns: columns, panels: packed.start, bias: bias)
    }

    /// Rows by panels that are packed.
    static func multiply(
        _ kernels: UnsafePointer<falcon_product_kernels>, form: Int32, x: [Float], rows: Int, depth: Int, columns: Int,
        panels: UnsafeMutableRawPointer, bias: [Float]
    ) -> [Float] {
        let values = GuardedMemory(x[..<(rows * depth)].withUnsafeBytes { Array($0) })
        let blocks = falcon_row_blocks(kernels, form, rows)
        let packed = GuardedMemory(count: rows * falcon_row_bytes(kernels, form, depth))
        falcon_pack_rows(kernels, form, values.floats, rows, depth, 0, blocks, packed.start)
        let added = GuardedMemory(bias.withUnsafeBytes { Array($0) })
        // Two columns beside the outputs stay what they are.
        let stride = columns + 2
        let out = GuardedMemory(count: rows * stride * 4)
        for index in 0..<rows * stride { out.floats[index] = -7.25e11 }
        var product = falcon_product(
            form: form, rows: rows, depth: depth, columns: columns, packed_rows: packed.start, panels: panels,
            bias: added.floats, out: out.floats, stride: stride)
        let count = (columns + 31) / 32
        falcon_multiply_panels(kernels, &product, 0, count / 2, 0, blocks)
        falcon_multiply_panels(kernels, &product, count / 2, count - count / 2, 0, blocks)
        var result: [Float] = []
        for row in 0..<rows {
            result += (0..<columns).map { out.floats[row * stride + $0] }
            precondition((columns..<stride).allSatisfy { out.floats[row * stride + $0] == -7.25e11 }, "row \(row)")
        }
        return result
    }
}
