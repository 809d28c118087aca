import FalconTensor
import FalconTestSupport
import Testing

/// Products with operands rounded to bfloat16.
@Suite struct BFloat16ProductTests {
    let pool = ThreadPool(threadCount: 2)

    static let shapes = [
        (1, 1, 1), (2, 3, 5), (7, 64, 2), (6, 65, 31), (100, 130, 1024), (13, 70, 2051), (97, 16, 33),
    ]

    /// Values that bfloat16 holds: rounding must not touch them.
    func exact(_ shape: [Int], seed: UInt64) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor((0..<shape.reduce(1, *)).map { _ in Float(random.below(255) - 127) / 64 }, shape)
    }

    @Test(arguments: shapes) func `Values that bfloat16 holds give float32's product, however they lie`(
        shape: (Int, Int, Int)
    ) {
        let (rows, columns, depth) = shape
        for transposed in [(false, false), (false, true), (true, false), (true, true)] {
            let left = exact(transposed.0 ? [depth, rows] : [rows, depth], seed: 1)
            let right = exact(transposed.1 ? [columns, depth] : [depth, columns], seed: 2)
            let expected = Tensor.product(left, right, transposed: transposed, on: pool)
            let computed = Tensor.product(left, right, transposed: transposed, precision: .bfloat16, on: pool)
            expectClose(computed, expected, absolute: 2e-4, "\(shape), transposed \(transposed)")
            var added = expected
            Tensor.addProduct(
                left, right, transposed: transposed, keeping: -1, to: &added, precision: .bfloat16, on: pool)
            expectClose(added, Tensor(zeros: [rows, columns]), absolute: 2e-4, "\(shape), difference")
        }
    }

    @Test func `Operands are rounded to nearest even and NaN stays in its row`() throws {
        var random = RandomSource(seed: 3)
        var left = Tensor(normal: 1, [20, 100], from: &random)
        let right = Tensor(normal: 1, [40, 100], from: &random)
        func rounded(_ tensor: Tensor) -> Tensor {
            Tensor(bytes: tensor.bytes(as: .bfloat16), as: .bfloat16, tensor.shape)
        }
        let computed = Tensor.product(left, right, transposed: (false, true), precision: .bfloat16, on: pool)
        let expected = Tensor.product(rounded(left), rounded(right), transposed: (false, true), on: pool)
        expectClose(computed, expected, absolute: 1e-4, "rounded operands")
        left[4, 99] = Float(bitPattern: 0xffff_ffff)
        let broken = Tensor.product(left, right, transposed: (false, true), precision: .bfloat16, on: pool)
        for row in 0..<20 {
            if row == 4 {
                #expect(broken.row(row).allSatisfy { $0.isNaN })
            } else {
                #expect(broken.row(row) == computed.row(row))
            }
        }
    }

    @Test func `Results do not depend on the number of threads`() {
        var random = RandomSource(seed: 4)
        let left = Tensor(normal: 1, [230, 1500], from: &random)
        let right = Tensor(normal: 1, [1500, 200], from: &random)
        let results = [1, 2, 3].map { threads in
            Tensor.product(left, right, precision: .bfloat16, on: ThreadPool(threadCount: threads))
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test func `The losses over a vocabulary agree with float32 to bfloat16's precision`() throws {
        var random = RandomSource(seed: 5)
        let target = Tensor(normal: 1, [300, 32], from: &random)
        var predicted = Tensor(normal: 0.5, [300, 32], from: &random)
        predicted.add(target)
        // More tokens than two blocks of the depth hold, when gradients are summed over them.
        let head = Tensor(normal: 0.3, [2100, 32], from: &random)
        func evaluate(_ precision: ProductPrecision) -> Distillation.Result {
            Distillation.evaluate(
                predicted: predicted, target: target,
                head: VocabularyHead(StoredMatrix(head), precision: precision, on: pool),
                options: .init(hardLabel: .tokens([Int32](repeating: 7, count: 300))), denominator: 300,
                on: pool)
        }
        let (rough, exact) = (evaluate(.bfloat16), evaluate(.float32))
        #expect(abs(rough.loss - exact.loss) < 5e-3 * exact.loss)
        expectClose(
            try #require(rough.gradient), try #require(exact.gradient), absolute: 2e-4, relative: 2e-2, "gradient")
        let tokens = HeadArgmax.tokens(
            target, head: VocabularyHead(StoredMatrix(head), precision: .bfloat16, on: pool), on: pool)
        #expect(tokens == rough.targetTokens)
        let flipped = zip(tokens, exact.targetTokens).count { $0 != $1 }
        #expect(flipped < 10)
    }
}
