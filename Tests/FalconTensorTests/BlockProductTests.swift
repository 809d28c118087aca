import CFalconKernels
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Products with weights of 4, 5, 6 and 8 bits, in every variant.
@Suite struct BlockProductTests {
    @Test(
        "every variant gives the bits of the baseline, for every number of rows", arguments: BlockExample.forms.indices)
    func variantsAgree(number: Int) {
        let (type, form) = BlockExample.forms[number]
        for (columns, blocks) in [(1, 1), (31, 2), (32, 3), (33, 1), (100, 2), (161, 3)] {
            let example = BlockExample(
                type, form: form, columns: columns, depth: blocks * type.valueCount, rows: 25)
            let reference = example.product(ProductKernelTests.variants[0], rows: 25)
            for kernels in ProductKernelTests.variants {
                for rows in [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 25] {
                    let result = example.product(kernels, rows: rows)
                    #expect(result == Array(reference[0..<rows * columns]), "\(type.name): \(columns), \(rows) rows")
                }
            }
        }
    }

    /// Weights count as the file's values exactly; a row's value is off by half a step of its group at most, which is
    /// the group's largest size / 254.
    @Test("a product is off by the rounding of its rows alone", arguments: BlockExample.forms.indices)
    func errorIsBounded(number: Int) {
        let (type, form) = BlockExample.forms[number]
        let (columns, depth, rows) = (37, 2 * max(96, type.valueCount), 5)
        let example = BlockExample(type, form: form, columns: columns, depth: depth, rows: rows)
        let weights = example.weights
        for kernels in ProductKernelTests.variants {
            let result = example.product(kernels, rows: rows)
            for row in 0..<rows {
                for column in 0..<columns {
                    var (exact, bound) = (Double(example.bias[column]), 1e-6)
                    for start in stride(from: 0, to: depth, by: 32) {
                        let group = example.x[row * depth + start..<row * depth + start + 32]
                        let step = Double(group.map(abs).max() ?? 0) / 127
                        for (k, value) in group.enumerated() {
                            let weight = Double(weights[column * depth + start + k])
                            exact += weight * Double(value)
                            bound += abs(weight) * (step * 0.50001 + abs(Double(value)) * 1e-6)
                        }
                    }
                    let error = abs(Double(result[row * columns + column]) - exact)
                    #expect(error <= bound, "\(type.name): row \(row), column \(column)")
                }
            }
        }
    }

    @Test("a value that is no number stays in its row, a scale in its column", arguments: BlockExample.forms.indices)
    func oddNumbersStay(number: Int) {
        let (type, form) = BlockExample.forms[number]
        let (rows, columns, depth) = (9, 35, type.valueCount * 2)
        for kernels in ProductKernelTests.variants {
            let whole = BlockExample(type, form: form, columns: columns, depth: depth, rows: rows)
            let expected = whole.product(kernels, rows: rows)
            for value in [Float.nan, .infinity, -.infinity] {
                for place in [0, 31, depth - 1] {
                    var broken = whole
                    broken.x[3 * depth + place] = value
                    for (index, result) in broken.product(kernels, rows: rows).enumerated() {
                        #expect(index / columns == 3 ? !result.isFinite : result == expected[index])
                    }
                }
            }
            for bits in [0x7e00, 0x7c00, 0xfc00] as [UInt16] {
                guard let scale = BlockExample.places(type).scale else { continue }
                var broken = whole
                let place = 20 * whole.rowBytes + type.byteCount + scale
                broken.blocks[place] = UInt8(bits & 0xff)
                broken.blocks[place + 1] = UInt8(bits >> 8)
                for (index, result) in broken.product(kernels, rows: rows).enumerated() {
                    #expect(index % columns == 20 ? !result.isFinite : result == expected[index])
                }
            }
        }
    }

    /// But for Q3_K, whose third bits lie beside the other two: 4.56 bits a weight in place of 3.44.
    @Test("panels take at most 1.1 times the bytes of the file")
    func bytesRead() {
        for (type, form) in BlockExample.forms where type != .q3_K {
            let stored = 32 * 512 / type.valueCount * type.byteCount
            #expect(Double(falcon_panel_bytes(form, 512)) <= 1.1 * Double(stored), "\(type.name)")
        }
        #expect(falcon_panel_bytes(Int32(FALCON_INT4_PANELS), 512) == 32 * 512 * 5 / 8)
    }
}

/// Matrices of a quantised file, packed as they are stored.
@Suite struct StoredBlocksTests {
    /// A matrix of a mapped file.
    private func matrix(
        _ type: BlockType, rows: Int, columns: Int, in folder: TemporaryFolder, _ order: RowOrder = .asStored
    ) throws -> StoredMatrix {
        let bytes = BlockExample.random(type, count: rows * columns / type.valueCount)
        let path = folder.file("\(type.name)-\(rows)")
        try AtomicFile.write(path) { try $0.write([1] + bytes) }
        return StoredMatrix(
            file: try MappedFile(path: path), range: 1..<1 + bytes.count, blocks: type, rows: rows, columns: columns,
            rowOrder: order)
    }

    @Test("query, key and value of different types give their results side by side, alone and among others")
    func mixedTypes() throws {
        let folder = try TemporaryFolder()
        var source = RandomSource(seed: 9)
        let parts = [
            try matrix(.q4_K, rows: 64, columns: 256, in: folder, .pairedHeads(size: 16)),
            try matrix(.q4_K, rows: 16, columns: 256, in: folder, .pairedHeads(size: 16)),
            try matrix(.q6_K, rows: 20, columns: 256, in: folder),
            StoredMatrix(Tensor(normal: 1, [9, 256], from: &source)),
            try matrix(.q8_0, rows: 33, columns: 256, in: folder),
        ]
        let x = Tensor(normal: 1, [40, 256], from: &source)
        let bias = Tensor(normal: 1, [142], from: &source)
        let one = ThreadPool(threadCount: 1)
        var (whole, first) = (Tensor(zeros: [40, 0]), 0)
        for part in parts {
            let own = Tensor(Array(bias.scalars[first..<first + part.rows]), [part.rows])
            let product = PackedMatrix([part], arithmetic: .stored, on: one).multiply(x, bias: own, on: one)
            whole = Tensor.sideBySide(whole, product)
            first += part.rows
        }
        for threads in 1...3 {
            let pool = ThreadPool(threadCount: threads)
            let packed = PackedMatrix(parts, arithmetic: .stored, on: pool)
            #expect(packed.multiply(x, bias: bias, on: pool) == whole)
            for row in [0, 8, 39] {
                #expect(packed.multiply(x.rows(row..<row + 1), bias: bias, on: pool) == whole.rows(row..<row + 1))
            }
        }
    }

    @Test("every arithmetic takes every block type that it can", arguments: BlockType.allCases)
    func arithmetics(type: BlockType) throws {
        let folder = try TemporaryFolder()
        var source = RandomSource(seed: 10)
        let pool = ThreadPool(threadCount: 2)
        let x = Tensor(normal: 1, [3, 256], from: &source)
        for order in [RowOrder.asStored, .pairedHeads(size: 8)] {
            let stored = try matrix(type, rows: 40, columns: 256, in: folder, order)
            let widened = StoredMatrix(stored.tensor())
            for arithmetic in ProductArithmetic.allCases where arithmetic != .stored {
                let product = PackedMatrix([stored], arithmetic: arithmetic, on: pool).multiply(x, on: pool)
                #expect(product == PackedMatrix([widened], arithmetic: arithmetic, on: pool).multiply(x, on: pool))
            }
            guard type.canBeMultiplied else { continue }
            let exact = PackedMatrix([widened], arithmetic: .float32, on: pool).multiply(x, on: pool)
            let own = PackedMatrix([stored], arithmetic: .stored, on: pool).multiply(x, on: pool)
            let (error, size) = zip(own.scalars, exact.scalars).reduce((0.0, 0.0)) {
                ($0.0 + pow(Double($1.0 - $1.1), 2), $0.1 + pow(Double($1.1), 2))
            }
            // Rounding rows to 8 bits of their group's largest, some 2.3 standard deviations: 2.3 / 127 / sqrt(12).
            #expect((error / size).squareRoot() < 0.01, "\(type.name), \(order)")
        }
    }
}

/// `int4`: 4 bits made of numbers.
@Suite struct RoundedToFourBitsTests {
    /// The weights as `int4` holds them, by products with rows of zeros and a one, which 8 bits keep.
    private func rounded(_ weights: Tensor) -> Tensor {
        let pool = ThreadPool(threadCount: 1)
        let matrix = PackedMatrix([StoredMatrix(weights)], arithmetic: .int4, on: pool)
        let width = weights.width
        let identity = (0..<width * width).map { $0 / width == $0 % width ? Float(1) : 0 }
        return matrix.multiply(Tensor(identity, [width, width]), on: pool)
    }

    /// [depth, columns] from `rounded`, against [columns, depth].
    private func relativeError(_ weights: Tensor) -> Double {
        let values = rounded(weights)
        var (error, size) = (0.0, 0.0)
        for column in 0..<weights.rowCount {
            for k in 0..<weights.width {
                let weight = Double(weights.scalars[column * weights.width + k])
                error += pow(Double(values.scalars[k * weights.rowCount + column]) - weight, 2)
                size += weight * weight
            }
        }
        return (error / size).squareRoot()
    }

    /// A scale with a minimum leaves 7.2 % of normally distributed weights, the best scale without one 8.1 %.
    @Test("rounding loses 7.3 % of normally distributed weights, whatever their size", arguments: [1, 1e-25, 1e30])
    func errorOfNormalWeights(scale: Float) {
        var source = RandomSource(seed: 5)
        let error = relativeError(Tensor(normal: scale, [40, 160], from: &source))
        #expect(error > 0.06 && error < 0.074, "\(error)")
    }

    @Test("a group of one value is that value to 8 bits, and zeros are zeros")
    func constantGroups() {
        var weights = [Float](repeating: 0.3, count: 32) + [Float](repeating: 0, count: 32)
        weights += [Float](repeating: -1e-20, count: 32) + (0..<7).map { _ in 2.5 }
        let values = rounded(Tensor(weights, [1, 103])).scalars
        for (value, weight) in zip(values, weights) { #expect(abs(value - weight) <= abs(weight) / 256) }
    }

    @Test("what is no number gives none in its column, and leaves the others")
    func oddNumbers() {
        var source = RandomSource(seed: 6)
        let pool = ThreadPool(threadCount: 2)
        let x = Tensor(normal: 1, [3, 70], from: &source)
        let plain = Tensor(normal: 1, [40, 70], from: &source)
        func product(_ weights: Tensor) -> [Float] {
            PackedMatrix([StoredMatrix(weights)], arithmetic: .int4, on: pool).multiply(x, on: pool).scalars
        }
        let expected = product(plain)
        for value in [Float.nan, .infinity, -.infinity] {
            var weights = plain.scalars
            weights[17 * 70 + 65] = value
            for (index, result) in product(Tensor(weights, [40, 70])).enumerated() {
                #expect(index % 40 == 17 ? result.isNaN : result == expected[index])
            }
        }
        // The largest numbers stay finite.
        var weights = plain.scalars
        weights[17 * 70] = 1e37
        #expect(product(Tensor(weights, [40, 70])).allSatisfy { $0.isFinite })
    }
}
