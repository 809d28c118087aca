import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// The losses of training against the golden cases in `losses/`, and what they do where arithmetic gives out.
@Suite struct DistillationTests {
    static let cases = [
        "all_ones", "basic", "near_target", "sharp_logits", "single_position", "underflow", "weights", "zero_mask",
    ]
    let pool = ThreadPool(threadCount: 2)

    /// One golden case, cut to the rows that count.
    struct Case {
        let tensors: [String: Tensor]
        let positions: [Int]
        let hardTokens: [Int32]
        var predicted: Tensor { rows("predict") }
        var target: Tensor { rows("target") }
        var head: Tensor { get throws { try #require(tensors["head.weight"]) } }
        /// The authors' code divides by this, the paper's variant too.
        var denominator: Float { Float(positions.count) + 1e-5 }

        init(_ name: String) throws {
            tensors = try Fixtures.tensors("losses/\(name).safetensors")
            let integers = try Fixtures.integers("losses/\(name).safetensors")
            let mask = try #require(integers["loss_mask"])
            positions = mask.indices.filter { mask[$0] != 0 }
            let hard = try #require(integers["hard_tokens"])
            hardTokens = positions.map { Int32(hard[$0]) }
        }

        func rows(_ name: String) -> Tensor { tensors[name]!.rows(at: positions) }

        func scalar(_ name: String) throws -> Float { try #require(tensors[name]).scalars[0] }
    }

    func expectScalar(_ value: Float, _ expected: Float, _ context: String) {
        #expect(abs(value - expected) <= 1e-5 + 1e-5 * abs(expected), "\(context): \(value), expected \(expected)")
    }

    @Test(arguments: cases) func `The paper's form matches`(name: String) throws {
        let test = try Case(name)
        for (softWeight, part) in [(Float(1), "soft"), (0, "hard"), (0.9, "dist")] {
            let result = Distillation.evaluate(
                predicted: test.predicted, target: test.target,
                head: VocabularyHead(StoredMatrix(try test.head), on: pool),
                options: .init(softWeight: softWeight), denominator: test.denominator, on: pool)
            expectScalar(result.loss, try test.scalar("paper.\(part)"), "\(name) \(part)")
            expectScalar(result.softLoss, try test.scalar("paper.soft"), "\(name) soft part")
            expectScalar(result.hardLoss, try test.scalar("paper.hard"), "\(name) hard part")
            expectClose(
                try #require(result.gradient), test.rows("paper.grad_predict.\(part)"), absolute: 1e-6,
                relative: 1e-4, "\(name) gradient of \(part)")
            #expect(result.skippedRows == 0)
        }
    }

    @Test(arguments: cases) func `The authors' code matches, and stays finite where it does not`(name: String) throws {
        let test = try Case(name)
        // The reference's own soft loss is NaN in `underflow`.
        let parts: [(Float, String)] =
            name == "underflow" ? [(0, "loss_hard")] : [(1, "loss_soft"), (0, "loss_hard"), (0.9, "ploss")]
        for (softWeight, part) in parts {
            let result = Distillation.evaluate(
                predicted: test.predicted, target: test.target,
                head: VocabularyHead(StoredMatrix(try test.head), on: pool),
                options: .init(
                    softLoss: .authorsCode(temperature: 0.95), hardLabel: .tokens(test.hardTokens),
                    softWeight: softWeight),
                denominator: test.denominator, on: pool)
            expectScalar(result.loss, try test.scalar("code.\(part)"), "\(name) \(part)")
            let relative: Float = name == "sharp_logits" ? 1e-3 : 1e-4
            expectClose(
                try #require(result.gradient), test.rows("code.grad_predict.\(part)"), absolute: 1e-6,
                relative: relative, "\(name) gradient of \(part)")
            #expect(result.softLoss.isFinite && result.skippedRows == 0)
        }
    }

    @Test(arguments: cases) func `The feature loss matches`(name: String) throws {
        let test = try Case(name)
        let result = SmoothL1.evaluate(
            predicted: test.predicted, target: test.target, denominator: test.denominator, on: pool)
        expectScalar(result.loss, try test.scalar("code.vloss"), name)
        expectScalar(result.loss, try test.scalar("paper.reg"), name)
        expectClose(
            result.gradient, test.rows("paper.grad_predict.reg"), absolute: 1e-6, relative: 1e-4, "\(name) gradient")
    }

    /// Random rows, more than one chunk holds and a vocabulary of several slices.
    func many(_ rows: Int, hidden: Int = 6, vocabulary: Int = 700) -> (predicted: Tensor, target: Tensor, head: Tensor)
    {
        var random = RandomSource(seed: 8)
        let target = Tensor(normal: 1, [rows, hidden], from: &random)
        var predicted = Tensor(normal: 0.7, [rows, hidden], from: &random)
        predicted.add(target)
        return (predicted, target, Tensor(normal: 1, [vocabulary, hidden], from: &random))
    }

    @Test(arguments: ProductPrecision.allCases) func `What is known of the target changes nothing`(
        precision: ProductPrecision
    ) throws {
        var random = RandomSource(seed: 31)
        let target = Tensor(normal: 1, [150, 24], from: &random)
        let predicted = Tensor(normal: 1, [150, 24], from: &random)
        let head = VocabularyHead(
            StoredMatrix(Tensor(normal: 0.3, [400, 24], from: &random)), precision: precision, on: pool)
        let some = (0..<150).filter { $0 % 3 != 1 }
        func evaluate(_ teacher: TeacherLogits?) -> Distillation.Result {
            Distillation.evaluate(
                predicted: predicted.rows(at: some), target: target.rows(at: some), head: head,
                teacher: teacher.map { ($0, some) }, denominator: 10, on: pool)
        }
        let expected = evaluate(nil)
        // All rows kept, some, none.
        for bytes in [1 << 20, 400 * 4 * 40, 0] {
            let teacher = TeacherLogits(target, head: head, mostBytes: bytes, on: pool)
            let result = evaluate(teacher)
            #expect(some.map { teacher.tokens[$0] } == expected.targetTokens)
            #expect(result.targetTokens == expected.targetTokens && result.draftTokens == expected.draftTokens)
            #expect(result.ranks == expected.ranks)
            #expect(abs(result.loss - expected.loss) < 1e-5 * expected.loss)
            expectClose(
                try #require(result.gradient), try #require(expected.gradient), absolute: 1e-6, "\(bytes) bytes kept")
        }
    }

    @Test func `Chunks add up to the whole, and tokens and ranks are those of the logits`() throws {
        let (predicted, target, head) = many(300)
        let result = Distillation.evaluate(
            predicted: predicted, target: target, head: VocabularyHead(StoredMatrix(head), on: pool), denominator: 300,
            on: pool)
        var (soft, hard) = (0.0, 0.0)
        for row in 0..<300 {
            func logits(_ features: Tensor) -> [Double] {
                (0..<700).map { token in
                    zip(features.row(row), head.row(token)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                }
            }
            let (q, p) = (logits(predicted), logits(target))
            let (sumQ, sumP) = (q.reduce(0) { $0 + exp($1) }, p.reduce(0) { $0 + exp($1) })
            soft += zip(p, q).reduce(0) { $0 + exp($1.0) / sumP * ($1.0 - log(sumP) - $1.1 + log(sumQ)) }
            let token = p.indices.max { p[$0] < p[$1] }!
            hard += log(sumQ) - q[token]
            #expect(Int(result.targetTokens[row]) == token)
            #expect(Int(result.draftTokens[row]) == q.indices.max { q[$0] < q[$1] }!)
            #expect(Int(result.ranks[row]) == q.count { $0 > q[token] })
        }
        expectScalar(result.softLoss, Float(soft / 300), "soft")
        expectScalar(result.hardLoss, Float(hard / 300), "hard")
        for top in 1...3 { #expect(result.hits(top: top) == result.ranks.count { $0 < top }) }
        #expect(
            HeadArgmax.tokens(target, head: VocabularyHead(StoredMatrix(head), on: pool), on: pool)
                == result.targetTokens)
        let statistics = Distillation.evaluate(
            predicted: predicted, target: target, head: VocabularyHead(StoredMatrix(head), on: pool), denominator: 300,
            needsGradient: false, on: pool)
        #expect(statistics.gradient == nil && statistics.loss == result.loss)
    }

    @Test func `A row that is not finite is left out and spreads to no other`() throws {
        let (predicted, target, head) = many(70)
        func evaluate(_ predicted: Tensor, _ target: Tensor) -> Distillation.Result {
            Distillation.evaluate(
                predicted: predicted, target: target, head: VocabularyHead(StoredMatrix(head), on: pool),
                denominator: 70, on: pool)
        }
        let clean = try #require(evaluate(predicted, target).gradient)
        var (brokenPredicted, brokenTarget) = (predicted, target)
        brokenPredicted[3, 2] = .nan
        brokenPredicted[40, 0] = .infinity
        brokenTarget[41, 1] = -.infinity
        brokenPredicted[69, 5] = 3e38  // finite, but its logits are not
        let result = evaluate(brokenPredicted, brokenTarget)
        let gradient = try #require(result.gradient)
        #expect(result.skippedRows == 4 && result.loss.isFinite)
        for row in 0..<70 {
            let isBroken = [3, 40, 41, 69].contains(row)
            #expect(gradient.row(row) == (isBroken ? [Float](repeating: 0, count: 6) : clean.row(row)), "row \(row)")
            #expect((result.draftTokens[row] < 0) == isBroken)
        }
        let features = SmoothL1.evaluate(
            predicted: brokenPredicted, target: brokenTarget, denominator: 70, on: pool)
        #expect(features.skippedRows == 3 && features.loss.isFinite && features.gradient.isFinite)
    }

    @Test func `Sampled labels follow the target's distribution and repeat with their seed`() {
        let rows = 4000
        let target = Tensor((0..<rows).flatMap { _ -> [Float] in [1, 0] }, [rows, 2])
        let head = Tensor([0, 0, log(2), 0, log(5), 0], [3, 2])
        func hardLoss(_ seed: UInt64) -> Float {
            Distillation.evaluate(
                predicted: target, target: target, head: VocabularyHead(StoredMatrix(head), on: pool),
                options: .init(hardLabel: .sample(RandomSource(seed: seed)), softWeight: 0), denominator: Float(rows),
                on: pool
            ).hardLoss
        }
        // With q = p = (1, 2, 5) / 8 the expected cross entropy is p's entropy.
        let entropy = [1.0, 2.0, 5.0].reduce(0.0) { $0 - $1 / 8 * log($1 / 8) }
        #expect(abs(Double(hardLoss(1)) - entropy) < 0.05)
        #expect(hardLoss(1) == hardLoss(1))
        #expect(hardLoss(1) != hardLoss(2))
    }

    @Test func `Results do not depend on the number of threads`() {
        let (predicted, target, head) = many(300)
        let results = [1, 2, 3].map { threads in
            Distillation.evaluate(
                predicted: predicted, target: target, head: VocabularyHead(StoredMatrix(head), on: pool),
                options: .init(hardLabel: .sample(RandomSource(seed: 3))), denominator: 300,
                on: ThreadPool(threadCount: threads))
        }
        for other in results[1...] {
            #expect(other.loss == results[0].loss && other.gradient == results[0].gradient)
        }
    }
}
