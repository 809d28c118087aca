import CFalconKernels
import Testing

/// Products of every variant over every small shape, against double precision, and what becomes of numbers that are
/// none, infinite, or below the smallest normal one.
@Suite struct ProductSweepTests {
    typealias Example = ProductKernelTests.Example

    @Test func `Float32 products of every small shape agree with double precision`() {
        for kernels in ProductKernelTests.variants {
            for columns in [1, 2, 15, 16, 17, 31, 32, 33] {
                for depth in 1...18 {
                    let example = Example(columns: columns, depth: depth, rows: 9)
                    for rows in 1...9 {
                        let result = example.product(kernels, form: Int32(FALCON_FLOAT32_PANELS), rows: rows)
                        for row in 0..<rows {
                            for column in 0..<columns {
                                var exact = Double(example.bias[column])
                                for d in 0..<depth {
                                    exact +=
                                        Double(example.x[row * depth + d])
                                        * Double(example.weights[column * depth + d])
                                }
                                let isRight = isNear(
                                    result[row * columns + column], exact, relative: 1e-6, absolute: 1e-5)
                                if !isRight { Issue.record("\(rows) x \(depth) x \(columns): row \(row), \(column)") }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: ProductKernelTests.numbers)
    func `A value that is no number stays in its row, a weight in its column`(form: Int32) {
        let (rows, columns, depth) = (7, 35, 19)
        for kernels in ProductKernelTests.variants {
            for value in [Float.nan, .infinity, -.infinity] {
                for place in [0, 1, depth / 2, depth - 1] {
                    var example = Example(columns: columns, depth: depth, rows: rows)
                    let whole = example.product(kernels, form: form, rows: rows)
                    example.x[3 * depth + place] = value
                    let broken = example.product(kernels, form: form, rows: rows)
                    for index in broken.indices {
                        #expect(index / columns == 3 ? !broken[index].isFinite : broken[index] == whole[index])
                    }
                    example = Example(columns: columns, depth: depth, rows: rows)
                    example.weights[20 * depth + place] = value
                    let column = example.product(kernels, form: form, rows: rows)
                    for index in column.indices {
                        #expect(index % columns == 20 ? !column[index].isFinite : column[index] == whole[index])
                    }
                }
            }
        }
    }

    @Test func `Float32 products keep numbers below the smallest normal one, bit for bit in every variant`() {
        var example = Example(columns: 34, depth: 21, rows: 5)
        example.x = example.x.map { $0 * 0x1p-130 }
        let reference = example.product(
            ProductKernelTests.variants[0], form: Int32(FALCON_FLOAT32_PANELS), rows: 5)
        for kernels in ProductKernelTests.variants {
            #expect(example.product(kernels, form: Int32(FALCON_FLOAT32_PANELS), rows: 5) == reference)
        }
        example = Example(columns: 34, depth: 21, rows: 5, scale: 1e-20)
        let tiny = ProductKernelTests.variants.map {
            example.product($0, form: Int32(FALCON_FLOAT32_PANELS), rows: 5)
        }
        #expect(tiny.allSatisfy { $0 == tiny[0] })
        #expect(tiny[0].contains { $0 != 0 && abs($0) < Float.leastNormalMagnitude })
    }
}
