import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// The soft losses that are taken from how often a draft token is accepted (`Distillation.Overlap`).
@Suite struct AcceptanceLossTests {
    typealias Scene = DraftVocabularyLossTests.Scene

    static let vocabulary = DraftVocabularyLossTests.vocabulary
    static let (rows, hidden) = (DraftVocabularyLossTests.rows, DraftVocabularyLossTests.hidden)
    static let forms: [Distillation.SoftLoss] = [
        .overlap(.totalVariation, divergenceShare: 0), .overlap(.logarithm, divergenceShare: 0),
        .overlap(.totalVariation, divergenceShare: 0.3), .overlap(.logarithm, divergenceShare: 0.3),
    ]
    let pool = ThreadPool(threadCount: 2)

    /// m, a and KL of one row, straight from their definitions.
    private func parts(_ scene: Scene, _ row: Int) -> (mass: Double, common: Double, divergence: Double) {
        let p = scene.softmax(scene.logits(scene.target, row))
        let z = scene.logits(scene.predicted, row)
        let tokens = scene.subset.tokens
        let q = scene.softmax(tokens.map { z[Int($0)] })
        let mass = tokens.reduce(0) { $0 + p[Int($1)] }
        let common = zip(tokens, q).reduce(0) { $0 + min(p[Int($1.0)], $1.1) }
        let divergence = zip(tokens, q).reduce(0) { sum, pair in
            let share = p[Int(pair.0)] / mass
            return sum + mass * share * log(share / pair.1)
        }
        return (mass, common, divergence)
    }

    @Test(arguments: [true, false]) func `The losses are those of their definitions`(isWhole: Bool) {
        let scene = Scene(tokens: isWhole ? Array(0..<Int32(Self.vocabulary)) : nil, pool: pool)
        let found = Self.forms.map { scene.evaluate(options: .init(softLoss: $0, softWeight: 1)).rowLosses }
        for row in 0..<Self.rows {
            let (mass, common, divergence) = parts(scene, row)
            let (variation, logarithm) = (mass - common, -log(common / mass))
            let expected = [
                variation, logarithm, 0.7 * variation + 0.3 * divergence, 0.7 * logarithm + 0.3 * divergence,
            ]
            for (form, expected) in expected.enumerated() {
                #expect(abs(Double(found[form][row]) - expected) < 1e-5 + 1e-4 * expected, "row \(row), form \(form)")
            }
        }
    }

    @Test(arguments: [true, false]) func `Without a draft vocabulary a head's loss is the same`(isKnown: Bool) throws {
        let scene = Scene(tokens: Array(0..<Int32(Self.vocabulary)), pool: pool)
        for form in Self.forms {
            let options = Distillation.Options(softLoss: form)
            let teacher = TeacherLogits(scene.target, head: scene.whole, on: pool)
            let none = Distillation.evaluate(
                predicted: scene.predicted, target: scene.target, head: scene.whole,
                teacher: isKnown ? (teacher, Array(0..<Self.rows)) : nil, options: options, denominator: 10, on: pool)
            let all = scene.evaluate(options: options, knows: isKnown ? 1 << 20 : nil)
            #expect(abs(all.loss - none.loss) < 1e-5 * none.loss)
            expectClose(try #require(all.gradient), try #require(none.gradient), absolute: 1e-6, "gradient")
        }
    }

    /// Compares a gradient with differences of the loss: of small steps, since the loss has kinks where p = q.
    private func check(_ scene: Scene, _ name: String, _ evaluate: (Tensor) -> Distillation.Result) throws {
        let gradient = try #require(evaluate(scene.predicted).gradient)
        let step: Float = 2e-3
        for row in [0, 7, 21, 39] {
            for column in 0..<Self.hidden {
                func loss(_ change: Float) -> Double {
                    var moved = scene.predicted
                    moved[row, column] += change
                    return Double(evaluate(moved).rowLosses[row]) / 10
                }
                let slope = (loss(step) - loss(-step)) / Double(2 * step)
                #expect(
                    abs(slope - Double(gradient[row, column])) < 5e-4 + 2e-2 * abs(slope),
                    "\(name), row \(row), column \(column): \(gradient[row, column]), by differences \(slope)")
            }
        }
    }

    @Test(arguments: [true, false]) func `Gradients are those of finite differences`(isWhole: Bool) throws {
        let scene = Scene(tokens: isWhole ? Array(0..<Int32(Self.vocabulary)) : nil, pool: pool)
        let logits = PackedMatrix([StoredMatrix(scene.weight)], arithmetic: .float32, on: pool)
            .multiply(scene.target, on: pool)
        for form in Self.forms {
            for softWeight in [1, 0.6] as [Float] {
                let options = Distillation.Options(softLoss: form, softWeight: softWeight)
                try check(scene, "\(form)") { scene.evaluate($0, options: options) }
                for entries in [1, 8, Self.vocabulary] {
                    let statistics = TeacherStatistics(logits: logits, entryCount: entries)
                    try check(scene, "\(form), \(entries) statistics") {
                        scene.evaluate(statistics, $0, options: options)
                    }
                }
            }
        }
    }

    @Test(arguments: [true, false]) func `Statistics that name all tokens give the exact loss`(isWhole: Bool) throws {
        let scene = Scene(tokens: isWhole ? Array(0..<Int32(Self.vocabulary)) : nil, pool: pool)
        let logits = PackedMatrix([StoredMatrix(scene.weight)], arithmetic: .float32, on: pool)
            .multiply(scene.target, on: pool)
        for form in Self.forms {
            let options = Distillation.Options(softLoss: form, softWeight: 0.8)
            let exact = scene.evaluate(options: options)
            let known = scene.evaluate(
                TeacherStatistics(logits: logits, entryCount: Self.vocabulary), options: options)
            #expect(abs(known.loss - exact.loss) < 1e-4 * exact.loss)
            expectClose(try #require(known.gradient), try #require(exact.gradient), absolute: 2e-5, "gradient")
            // What is known as one part has never less in common.
            var losses: [Float] = []
            for entries in [1, 2, 8, 30, Self.vocabulary] {
                losses.append(
                    scene.evaluate(TeacherStatistics(logits: logits, entryCount: entries), options: options).softLoss)
            }
            #expect(isWhole == false || zip(losses, losses.dropFirst()).allSatisfy { $0 <= $1 * 1.0001 }, "\(losses)")
        }
    }

    @Test func `A perfect head loses nothing, and the loss of a very wrong one is finite`() throws {
        let scene = Scene(tokens: Array(0..<Int32(Self.vocabulary)), pool: pool)
        for form in Self.forms {
            let options = Distillation.Options(softLoss: form, softWeight: 1)
            let perfect = scene.evaluate(scene.target, options: options)
            #expect(perfect.softLoss < 1e-4 && perfect.softLoss >= -1e-5)
            var opposite = scene.target
            for row in 0..<Self.rows {
                for column in 0..<Self.hidden { opposite[row, column] *= -60 }
            }
            let wrong = scene.evaluate(opposite, options: options)
            #expect(wrong.loss.isFinite && wrong.loss > perfect.loss && wrong.skippedRows == 0)
            #expect(try #require(wrong.gradient).isFinite)
        }
    }

    @Test func `A head that is trained by acceptance gets more accepted`() throws {
        let scene = Scene(pool: pool)
        func common(_ scene: Scene, _ predicted: Tensor) -> Float {
            -scene.evaluate(predicted, options: .init(softLoss: Self.forms[0], softWeight: 1)).softLoss
        }
        for form in Self.forms {
            var predicted = scene.predicted
            for _ in 0..<60 {
                let result = scene.evaluate(predicted, options: .init(softLoss: form, softWeight: 1))
                let gradient = try #require(result.gradient)
                for row in 0..<Self.rows {
                    for column in 0..<Self.hidden { predicted[row, column] -= 2 * gradient[row, column] }
                }
            }
            #expect(common(scene, predicted) > common(scene, scene.predicted), "\(form)")
        }
    }
}
