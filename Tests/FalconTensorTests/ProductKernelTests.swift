import CFalconKernels
import FalconTensor
import Foundation
import Testing

/// Batch invariance begins here: each C variant must give the same bits for a row, alone or among others.
@Suite struct ProductKernelTests {
    static var variants: [UnsafePointer<falcon_product_kernels>] {
        var found = [UnsafePointer<falcon_product_kernels>?](repeating: nil, count: Int(FALCON_PRODUCT_VARIANTS))
        let count = falcon_product_variants(&found)
        return found[0..<count].compactMap { $0 }
    }

    /// A matrix `[columns, depth]` and rows for it, as the C entry points take them.
    struct Example {
        let columns, depth: Int
        var weights, x: [Float]
        let bias: [Float]

        init(columns: Int, depth: Int, rows: Int, scale: Float = 1) {
            (self.columns, self.depth) = (columns, depth)
            weights = InferenceKernelTests.values(columns * depth, 1).map { $0 * scale }
            bias = InferenceKernelTests.values(columns, 2).map { $0 * scale * scale }
            x = InferenceKernelTests.values(rows * depth, 3).map { $0 * scale }
        }

        /// The first `rows` rows through one variant, the panels in two parts as threads would take them.
        func product(_ kernels: UnsafePointer<falcon_product_kernels>, form: Int32, rows: Int) -> [Float] {
            let panels = (columns + 31) / 32
            var packedWeights = [UInt8](repeating: 0xff, count: panels * falcon_panel_bytes(form, depth))
            weights.withUnsafeBufferPointer { weights in
                let pointers = (0..<columns).map {
                    UnsafeRawPointer(weights.baseAddress! + $0 * depth) as UnsafeRawPointer?
                }
                pointers.withUnsafeBufferPointer {
                    falcon_pack_panels(kernels, form, $0.baseAddress!, columns, depth, 0, 0, panels, &packedWeights)
                }
            }
            let blocks = falcon_row_blocks(kernels, form, rows)
            var packedRows = [UInt8](repeating: 0xff, count: rows * falcon_row_bytes(kernels, form, depth))
            falcon_pack_rows(kernels, form, x, rows, depth, 0, blocks, &packedRows)
            var out = [Float](repeating: .nan, count: rows * columns)
            packedRows.withUnsafeBytes { packedRows in
                packedWeights.withUnsafeBytes { packedWeights in
                    bias.withUnsafeBufferPointer { bias in
                        out.withUnsafeMutableBufferPointer { out in
                            var product = falcon_product(
                                form: form, rows: rows, depth: depth, columns: columns,
                                packed_rows: packedRows.baseAddress, panels: packedWeights.baseAddress,
                                bias: bias.baseAddress, out: out.baseAddress, stride: columns)
                            falcon_multiply_panels(kernels, &product, 0, panels / 2, 0, blocks)
                            falcon_multiply_panels(kernels, &product, panels / 2, panels - panels / 2, 0, blocks)
                        }
                    }
                }
            }
            return out
        }
    }

    /// The forms that are made of numbers.
    static let numbers = [
        FALCON_FLOAT32_PANELS, FALCON_BFLOAT16_PANELS, FALCON_PAIR_PANELS, FALCON_TILE_PANELS, FALCON_QUAD_PANELS,
        FALCON_INT4_PANELS,
    ].map { Int32($0) }

    @Test("every variant gives the bits of the baseline, for every number of rows", arguments: numbers)
    func variantsAgree(form: Int32) {
        for (columns, depth) in [(1, 1), (31, 3), (32, 16), (33, 7), (100, 40), (160, 33), (70, 130)] {
            let example = Example(columns: columns, depth: depth, rows: 47)
            let reference = example.product(ProductKernelTests.variants[0], form: form, rows: 47)
            for kernels in ProductKernelTests.variants {
                for rows in [1, 2, 3, 5, 7, 8, 12, 13, 14, 15, 16, 17, 24, 25, 28, 29, 31, 32, 33, 47] {
                    let result = example.product(kernels, form: form, rows: rows)
                    #expect(result == Array(reference[0..<rows * columns]), "\(columns) x \(depth), \(rows) rows")
                }
            }
        }
    }

    @Test("a float32 product agrees with double precision")
    func float32IsRight() {
        let (rows, columns, depth) = (5, 37, 129)
        let example = Example(columns: columns, depth: depth, rows: rows)
        for kernels in ProductKernelTests.variants {
            let result = example.product(kernels, form: Int32(FALCON_FLOAT32_PANELS), rows: rows)
            for row in 0..<rows {
                for column in 0..<columns {
                    let exact = (0..<depth).reduce(Double(example.bias[column])) {
                        $0 + Double(example.x[row * depth + $1]) * Double(example.weights[column * depth + $1])
                    }
                    #expect(abs(Double(result[row * columns + column]) - exact) < 2e-5)
                }
            }
        }
    }

    /// At a scale of 1e-19 products are about the smallest normal number: some are below it and count as zero.
    @Test("a bfloat16 product is the sum that its form says", arguments: [1, 1e-19] as [Float], [false, true])
    func pairsAreTheSum(scale: Float, isTiled: Bool) {
        let (rows, columns, depth) = (2, 35, 51)
        let example = Example(columns: columns, depth: depth, rows: rows, scale: scale)
        func rounded(_ value: Float) -> Float {
            let bits = value.bitPattern
            return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
        }
        func flushed(_ value: Float) -> Float { value.isSubnormal ? 0 : value }
        for kernels in ProductKernelTests.variants {
            let result = example.product(
                kernels, form: Int32(isTiled ? FALCON_TILE_PANELS : FALCON_PAIR_PANELS), rows: rows)
            // The baseline takes each product that is below the smallest normal number as zero, before it adds it.
            let isExact = scale == 1 || String(cString: kernels.pointee.name) != "baseline"
            let tolerance = isExact ? 0 : Float(depth) * Float.leastNormalMagnitude
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum: Float = 0
                    func adding(_ k: Int, to sum: Float) -> Float {
                        guard k < depth else { return sum }
                        let (x, w) = (example.x[row * depth + k], example.weights[column * depth + k])
                        return flushed(sum.addingProduct(rounded(x), rounded(w)))
                    }
                    for start in stride(from: 0, to: depth, by: 32) where isTiled {
                        let places = stride(from: start, to: start + 32, by: 2)
                        let earlier = places.reduce(Float(0)) { adding($1, to: $0) }
                        let later = places.reduce(Float(0)) { adding($1 + 1, to: $0) }
                        sum = flushed(sum + flushed(earlier + later))
                    }
                    for start in stride(from: 0, to: depth, by: 2) where !isTiled {
                        sum = adding(start, to: adding(start + 1, to: sum))
                    }
                    sum = flushed(sum + flushed(example.bias[column]))
                    #expect(abs(result[row * columns + column] - sum) <= tolerance, "\(row), \(column)")
                }
            }
        }
    }
}
