import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct PackedMatrixTests {
    @Test(
        "a row's result does not depend on its neighbours or on the number of threads",
        arguments: ProductArithmetic.allCases)
    func batchInvariance(arithmetic: ProductArithmetic) {
        var source = RandomSource(seed: 11)
        let weight = StoredMatrix(Tensor(normal: 1, [301, 70], from: &source))
        let x = Tensor(normal: 1, [40, 70], from: &source)
        let bias = Tensor(normal: 1, [301], from: &source)
        let one = ThreadPool(threadCount: 1)
        let whole = PackedMatrix([weight], arithmetic: arithmetic, on: one).multiply(x, bias: bias, on: one)
        for threads in 1...3 {
            let pool = ThreadPool(threadCount: threads)
            let matrix = PackedMatrix([weight], arithmetic: arithmetic, on: pool)
            #expect(matrix.multiply(x, bias: bias, on: pool) == whole)
            for row in [0, 7, 39] {
                #expect(matrix.multiply(x.rows(row..<row + 1), bias: bias, on: pool) == whole.rows(row..<row + 1))
            }
        }
    }

    @Test("the largest outputs are those of the whole product", arguments: ProductArithmetic.allCases)
    func largestOutputs(arithmetic: ProductArithmetic) {
        var source = RandomSource(seed: 13)
        // Two thirds of the columns twice, so that the largest ones tie.
        let part = Tensor(normal: 1, [700, 70], from: &source)
        let weight = StoredMatrix(Tensor.stacked([part, part, Tensor(normal: 1, [333, 70], from: &source)]))
        let x = Tensor(normal: 1, [67, 70], from: &source)
        for threads in 1...3 {
            let pool = ThreadPool(threadCount: threads)
            let matrix = PackedMatrix([weight], arithmetic: arithmetic, on: pool)
            for rows in [0, 1, 2, 3, 13, 32, 67] {
                let rows = x.rows(0..<rows)
                let expected = matrix.multiply(rows, on: pool).argmaxRows(on: pool)
                #expect(matrix.largestColumns(rows, on: pool) == expected)
            }
        }
    }

    @Test("outputs that are no numbers are passed over")
    func largestOfNoNumbers() {
        let pool = ThreadPool(threadCount: 2)
        var weights = [Float](repeating: -1, count: 100)
        (weights[0], weights[40], weights[99]) = (.nan, .nan, .nan)
        weights[70] = -0.5
        let matrix = PackedMatrix([StoredMatrix(Tensor(weights, [100, 1]))], arithmetic: .float32, on: pool)
        #expect(matrix.largestColumns(Tensor([1, 2, -1, .nan], [4, 1]), on: pool) == [70, 70, 1, 0])
    }

    @Test("matrices packed together give their results side by side", arguments: ProductArithmetic.allCases)
    func partsShareInputs(arithmetic: ProductArithmetic) {
        var source = RandomSource(seed: 12)
        let pool = ThreadPool(threadCount: 2)
        let (a, b) = (Tensor(normal: 1, [20, 9], from: &source), Tensor(normal: 1, [45, 9], from: &source))
        let x = Tensor(normal: 1, [4, 9], from: &source)
        func product(_ parts: Tensor...) -> Tensor {
            PackedMatrix(parts.map { StoredMatrix($0) }, arithmetic: arithmetic, on: pool).multiply(x, on: pool)
        }
        #expect(product(a, b) == Tensor.sideBySide(product(a), product(b)))
    }

    @Test("bfloat16 weights stay bfloat16, float16 ones widen, and neither is rounded", arguments: ElementType.allCases)
    func packingIsExact(type: ElementType) throws {
        var source = RandomSource(seed: 13)
        let pool = ThreadPool(threadCount: 1)
        let stored = Tensor(normal: 1, [33, 18], from: &source).bytes(as: type)
        let folder = try TemporaryFolder()
        let path = folder.file("weights")
        try AtomicFile.write(path) { try $0.write([7] + stored) }  // starts at an odd address
        let file = try MappedFile(path: path)
        let matrix = StoredMatrix(file: file, range: 1..<1 + stored.count, type: type, rows: 33, columns: 18)
        let packed = PackedMatrix([matrix], arithmetic: .float32, on: pool)
        #expect(packed.byteCount == 64 * 18 * (type == .bfloat16 ? 2 : 4))
        let x = Tensor(normal: 1, [3, 18], from: &source)
        let widened = PackedMatrix([StoredMatrix(matrix.tensor())], arithmetic: .float32, on: pool)
        #expect(packed.multiply(x, on: pool) == widened.multiply(x, on: pool))
        let (first, last) = (matrix.tensor().rows(0..<1), matrix.tensor().rows(32..<33))
        #expect(matrix.gather([32, 0]) == Tensor.stacked([last, first]))
        matrix.releasePages()
        #expect(matrix.gather([0, 32], releasesPages: true) == Tensor.stacked([first, last]))
        #expect(matrix.gather([0]) == first)
    }

    @Test("many rows, cut into pieces for threads, are the rows alone", arguments: ProductArithmetic.allCases)
    func manyRows(arithmetic: ProductArithmetic) {
        var source = RandomSource(seed: 14)
        let pool = ThreadPool(threadCount: 3)
        let weight = StoredMatrix(Tensor(normal: 1, [135, 66], from: &source))
        let x = Tensor(normal: 1, [531, 66], from: &source)
        let matrix = PackedMatrix([weight], arithmetic: arithmetic, on: pool)
        let whole = matrix.multiply(x, on: pool)
        for row in 0..<531 {
            #expect(matrix.multiply(x.rows(row..<row + 1), on: pool) == whole.rows(row..<row + 1))
        }
    }
}
