import FalconAutograd
import FalconTensor
import Testing

/// The backward rules of losses, against finite differences.
@Suite struct LossOperationTests {
    let pool = ThreadPool(threadCount: 2)

    func values(_ shape: [Int], _ deviation: Float = 1, seed: UInt64) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor(normal: deviation, shape, from: &random)
    }

    @Test func `Smooth-L1, on both sides of its bend`() {
        let target = values([4, 5], 2, seed: 1)
        // Differences are odd multiples of 0.3, so no difference quotient reaches over the bend at 1.
        var offsets = Tensor((0..<20).map { Float($0 % 7 - 3) * 0.6 + 0.3 }, [4, 5])
        offsets.add(target)
        let result = GradientCheck.check([offsets], on: pool) {
            $0.smoothL1($1[0], target: target, denominator: 3).loss
        }
        #expect(result.passes, "\(result)")
    }

    @Test(arguments: [Distillation.SoftLoss.divergence, .authorsCode(temperature: 0.95)])
    func `Distillation, with every kind of label`(softLoss: Distillation.SoftLoss) {
        let (predicted, target, head) = (values([3, 4], seed: 1), values([3, 4], seed: 2), values([9, 4], seed: 3))
        let labels: [Distillation.HardLabel] = [.argmax, .tokens([0, 8, 3]), .sample(RandomSource(seed: 4))]
        for label in labels {
            let options = Distillation.Options(softLoss: softLoss, hardLabel: label, softWeight: 0.6)
            let result = GradientCheck.check([predicted], on: pool) {
                $0.distillation(
                    $1[0], target: target, head: VocabularyHead(StoredMatrix(head), on: $0.pool), options: options,
                    denominator: 2
                ).loss
            }
            #expect(result.passes, "\(label): \(result)")
        }
    }

    @Test func `Distillation from statistics`() {
        let (predicted, head) = (values([3, 4], seed: 1), values([9, 4], seed: 3))
        let statistics = TeacherStatistics(logits: values([3, 9], seed: 2), entryCount: 4)
        let options = Distillation.Options(softLoss: .divergence, hardLabel: .argmax, softWeight: 0.6)
        let result = GradientCheck.check([predicted], on: pool) {
            $0.distillation(
                $1[0], statistics: statistics, head: VocabularyHead(StoredMatrix(head), on: $0.pool), options: options,
                denominator: 2
            ).loss
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `Head cross entropy, for features and weight`() {
        let inputs = [values([5, 4], seed: 1), values([7, 4], seed: 2)]
        let result = GradientCheck.check(inputs, on: pool) {
            $0.headCrossEntropy($1[0], headWeight: $1[1], labels: [0, 6, 2, 2, 5], denominator: 4).loss
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `Head cross entropy leaves out a broken row, in the weight's gradient too`() throws {
        let (features, head) = (values([3, 4], seed: 1), values([7, 4], seed: 2))
        var broken = Tensor(Array(features.scalars + [.nan, 0, 0, 0]), [4, 4])
        func gradient(_ features: Tensor, _ labels: [Int32]) throws -> (Tensor, HeadCrossEntropy.Result) {
            var tape = Tape(on: pool)
            let weight = tape.leaf(head)
            let (loss, result) = tape.headCrossEntropy(
                Tape.constant(features), headWeight: weight, labels: labels, denominator: 3)
            return (try #require(tape.gradients(of: loss)[weight]), result)
        }
        let (clean, _) = try gradient(features, [1, 2, 3])
        let (gradient4, result) = try gradient(broken, [1, 2, 3, 4])
        #expect(gradient4 == clean && result.skippedRows == 1)
        broken[3, 0] = 0
        #expect(try gradient(broken, [1, 2, 3, 4]).1.skippedRows == 0)
    }

    @Test func `The upstream gradient scales the loss's own`() throws {
        let (predicted, target, head) = (values([3, 4], seed: 1), values([3, 4], seed: 2), values([9, 4], seed: 3))
        func gradient(_ factor: Float) throws -> Tensor {
            var tape = Tape(on: pool)
            let leaf = tape.leaf(predicted)
            let loss = tape.distillation(
                leaf, target: target, head: VocabularyHead(StoredMatrix(head), on: pool), options: .init(),
                denominator: 3
            ).loss
            return try #require(tape.gradients(of: tape.scale(loss, by: factor))[leaf])
        }
        var doubled = try gradient(1)
        doubled.scale(2)
        #expect(try gradient(2) == doubled)
    }
}
