import FalconTensor
import FalconTestSupport
import Testing

@Suite struct TensorTests {
    @Test("a copy changes alone")
    func copyOnWrite() {
        let original = Tensor([1, 2, 3, 4], [2, 2])
        var copy = original.reshaped([4])
        copy[2] = 9
        #expect(original.scalars == [1, 2, 3, 4])
        #expect(copy.scalars == [1, 2, 9, 4])
        #expect(original != copy)
        #expect(original[1, 0] == 3)
    }

    @Test("empty shapes and scalars hold together")
    func emptyAndScalar() {
        #expect(Tensor(zeros: [0, 7]).rowCount == 0)
        #expect(Tensor(zeros: [3, 0]).scalars.isEmpty)
        #expect(Tensor([5], []).scalar == 5)
        #expect(Tensor(zeros: [0]).isFinite)
        #expect(!Tensor([1, .nan], [2]).isFinite)
    }

    @Test("products agree with a triple loop for every transposition and thread count")
    func products() {
        var source = RandomSource(seed: 5)
        for (rows, columns, depth) in [(1, 1, 1), (3, 5, 7), (300, 20, 9), (20, 600, 3), (4, 4, 0)] {
            let left = Tensor(normal: 1, [rows, depth], from: &source)
            let right = Tensor(normal: 1, [depth, columns], from: &source)
            var exact = Tensor(zeros: [rows, columns])
            for r in 0..<rows {
                for c in 0..<columns {
                    exact[r, c] = Float((0..<depth).reduce(0.0) { $0 + Double(left[r, $1]) * Double(right[$1, c]) })
                }
            }
            let flipped = (transpose(left), transpose(right))
            for threads in [1, 2] {
                let pool = ThreadPool(threadCount: threads)
                expectClose(Tensor.product(left, right, on: pool), exact, absolute: 1e-5, "plain")
                expectClose(
                    Tensor.product(flipped.0, right, transposed: (true, false), on: pool), exact, absolute: 1e-5, "left"
                )
                expectClose(
                    Tensor.product(left, flipped.1, transposed: (false, true), on: pool), exact, absolute: 1e-5, "right"
                )
                var sum = exact
                Tensor.addProduct(flipped.0, flipped.1, transposed: (true, true), keeping: 2, to: &sum, on: pool)
                expectClose(sum.scalars, exact.scalars.map { 3 * $0 }, absolute: 3e-5, "sum")
            }
        }
    }

    @Test("a product has the same bits for every number of threads")
    func threadsDoNotChangeAProduct() {
        var source = RandomSource(seed: 6)
        let left = Tensor(normal: 1, [700, 64], from: &source)
        let right = Tensor(normal: 1, [300, 64], from: &source)
        let results = [1, 2, 3, 5].map {
            Tensor.product(left, right, transposed: (false, true), on: ThreadPool(threadCount: $0))
        }
        for result in results { #expect(result == results[0]) }
    }

    @Test("rows are found, stacked and ranked")
    func rowFunctions() {
        let x = Tensor([3, 1, 3, 0, 9, 9], [2, 3])
        let pool = ThreadPool(threadCount: 2)
        #expect(x.argmaxRows(on: pool) == [0, 1])
        var wide = Tensor(zeros: [3, 20_000])
        wide[1, 19_999] = 2
        wide[2, 17] = .nan
        wide[2, 12_345] = 1
        wide[2, 12_346] = 1
        #expect(wide.argmaxRows(on: pool) == [0, 19_999, 12_345])
        #expect(Tensor(zeros: [0, 5]).argmaxRows(on: pool) == [])
        #expect(x.largest(2).map { $0.map(\.column) } == [[0, 2], [1, 2]])
        #expect(x.rows([1, 0, 1]).scalars == [0, 9, 9, 3, 1, 3, 0, 9, 9])
        #expect(Tensor.stacked([x, x.rows(0..<1)]).shape == [3, 3])
        #expect(Tensor.sideBySide(x, x).row(1) == [0, 9, 9, 0, 9, 9])
    }

    private func transpose(_ x: Tensor) -> Tensor {
        var result = Tensor(zeros: [x.width, x.rowCount])
        for r in 0..<x.rowCount { for c in 0..<x.width { result[c, r] = x[r, c] } }
        return result
    }
}
