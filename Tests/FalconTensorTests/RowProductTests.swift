import CFalconKernels
import FalconTensor
import Testing

/// Products with a few rows of a table.
@Suite struct RowProductTests {
    @Test(arguments: [1, 15, 16, 64, 100, 576]) func `Each result is its own sum, in every variant`(width: Int) throws {
        var random = RandomSource(seed: UInt64(width))
        let table = Tensor(normal: 1, [9, width], from: &random)
        let rows = Tensor(normal: 1, [5, width], from: &random)
        let product = rows.timesRows(of: table)
        #expect(product.shape == [5, 9])
        for row in 0..<5 {
            for column in 0..<9 {
                let exact = zip(rows.row(row), table.row(column)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                #expect(abs(Double(product[row, column]) - exact) < 1e-5 * Double(width).squareRoot() + 1e-6)
            }
            // As alone.
            #expect(
                rows.rows(row..<row + 1).timesRows(of: table.rows(2..<4)).row(0) == [product[row, 2], product[row, 3]])
        }
        var variants = [UnsafePointer<falcon_inference_kernels>?](repeating: nil, count: 3)
        let count = unsafe variants.withUnsafeMutableBufferPointer { unsafe falcon_inference_variants($0.baseAddress) }
        for variant in unsafe variants.prefix(count) {
            var out = [Float](repeating: 0, count: 45)
            unsafe variant?.pointee.multiply_rows(table.scalars, 9, rows.scalars, 5, width, &out)
            #expect(out == product.scalars)
        }
    }
}
