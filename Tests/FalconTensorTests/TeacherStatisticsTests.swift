import FalconTestSupport
import Foundation
import Testing

@testable import FalconTensor

@Suite struct TeacherStatisticsTests {
    private let pool = ThreadPool(threadCount: 2)

    private struct Scene {
        let predicted, target: Tensor
        let head: VocabularyHead
        let vocabulary: Int
        let pool: ThreadPool

        init(rows: Int, vocabulary: Int, precision: ProductPrecision = .float32, pool: ThreadPool) {
            var random = RandomSource(seed: 5)
            target = Tensor(normal: 1, [rows, 12], from: &random)
            predicted = Tensor(normal: 1, [rows, 12], from: &random)
            head = VocabularyHead(
                StoredMatrix(Tensor(normal: 0.6, [vocabulary, 12], from: &random)), precision: precision, on: pool)
            (self.vocabulary, self.pool) = (vocabulary, pool)
        }

        func logits(_ features: Tensor) -> Tensor {
            let result = Tensor(uninitialized: [features.rowCount, vocabulary])
            unsafe head.logits(
                features.pointer, count: features.rowCount, into: result.storage.base, on: pool)
            return result
        }

        func statistics(_ entryCount: Int) -> TeacherStatistics {
            TeacherStatistics(logits: logits(target), entryCount: entryCount)
        }

        func evaluate(
            _ statistics: TeacherStatistics, _ options: Distillation.Options = .init(), predicted: Tensor? = nil
        ) -> Distillation.Result {
            Distillation.evaluate(
                predicted: predicted ?? self.predicted, statistics: statistics, head: head, options: options,
                denominator: 7, on: pool)
        }

        func exact(_ options: Distillation.Options = .init()) -> Distillation.Result {
            Distillation.evaluate(
                predicted: predicted, target: target, head: head, options: options, denominator: 7, on: pool)
        }
    }

    @Test(arguments: [1, 3, 17, 300]) func `statistics are those of a sorted softmax`(entries: Int) {
        let scene = Scene(rows: 9, vocabulary: 300, pool: pool)
        let logits = scene.logits(scene.target)
        let statistics = TeacherStatistics(logits: logits, entryCount: entries)
        #expect(statistics.rowCount == 9 && statistics.problem(vocabulary: 300) == nil)
        #expect(statistics.choices == logits.argmaxRows(on: pool))
        for row in 0..<9 {
            let values = logits.row(row).map(Double.init)
            let normalizer = log(values.reduce(0) { $0 + exp($1) })
            let order = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }.prefix(entries)
            let range = statistics.entries(row)
            #expect(statistics.tokens[range].map(Int.init) == Array(order))
            #expect(abs(Double(statistics.logNormalizers[row]) - normalizer) < 1e-5)
            for (found, token) in zip(statistics.logProbabilities[range], order) {
                #expect(abs(Double(found) - (values[token] - normalizer)) < 1e-5)
            }
            #expect(abs(statistics.mass(row) - order.reduce(0) { $0 + exp(values[$1] - normalizer) }) < 1e-5)
        }
    }

    @Test func `of equal logits the lower token comes first`() {
        let logits = Tensor((0..<260).map { [1, 5, 2, 5][$0 % 4] as Float }, [1, 260])
        #expect(TeacherStatistics(logits: logits, entryCount: 3).tokens == [1, 3, 5])
    }

    @Test(arguments: ProductPrecision.allCases)
    func `statistics of the whole vocabulary give the exact loss`(precision: ProductPrecision) throws {
        let scene = Scene(rows: 70, vocabulary: 90, precision: precision, pool: pool)
        let labels = (0..<70).map { Int32($0) }
        for label in [Distillation.HardLabel.argmax, .tokens(labels)] {
            let options = Distillation.Options(hardLabel: label, softWeight: 0.7)
            let (expected, result) = (scene.exact(options), scene.evaluate(scene.statistics(90), options))
            #expect(result.ranks == expected.ranks && result.draftTokens == expected.draftTokens)
            #expect(result.targetTokens == expected.targetTokens)
            #expect(abs(result.softLoss - expected.softLoss) < 1e-5 * expected.softLoss)
            #expect(abs(result.hardLoss - expected.hardLoss) < 1e-5 * expected.hardLoss)
            expectClose(
                try #require(result.gradient), try #require(expected.gradient), absolute: 2e-6, relative: 1e-4,
                "gradient")
        }
    }

    @Test func `fewer tokens never give a larger divergence, and come closer with each`() {
        let scene = Scene(rows: 40, vocabulary: 200, pool: pool)
        let losses = [1, 2, 4, 8, 32, 128, 199, 200].map { scene.evaluate(scene.statistics($0)).softLoss }
        #expect(zip(losses, losses.dropFirst()).allSatisfy { $0 <= $1 * 1.00001 }, "\(losses)")
        #expect(abs(losses[losses.count - 1] - scene.exact().softLoss) < 1e-4)
    }

    @Test(arguments: [1, 4, 30]) func `the gradient is the loss's slope`(entries: Int) throws {
        let scene = Scene(rows: 3, vocabulary: 40, pool: pool)
        let statistics = scene.statistics(entries)
        let gradient = try #require(scene.evaluate(statistics).gradient).scalars
        let values = scene.predicted.scalars
        let step: Float = 1e-2
        for index in values.indices {
            let losses = [step, -step].map { step in
                var moved = values
                moved[index] += step
                return scene.evaluate(statistics, predicted: Tensor(moved, scene.predicted.shape)).loss
            }
            let slope = (losses[0] - losses[1]) / (2 * step)
            #expect(abs(slope - gradient[index]) < 2e-4 + 1e-2 * abs(slope), "\(index): \(slope), \(gradient[index])")
        }
    }

    @Test func `a row that is not finite counts nothing and spreads nothing`() throws {
        let scene = Scene(rows: 5, vocabulary: 30, pool: pool)
        var values = scene.predicted.scalars
        values[2 * 12] = .nan
        let result = scene.evaluate(scene.statistics(4), predicted: Tensor(values, scene.predicted.shape))
        let whole = scene.evaluate(scene.statistics(4))
        #expect(result.skippedRows == 1 && result.draftTokens[2] == -1 && result.loss.isFinite)
        let (found, expected) = (try #require(result.gradient), try #require(whole.gradient))
        #expect(found.row(2).allSatisfy { $0 == 0 })
        #expect([0, 1, 3, 4].allSatisfy { found.row($0) == expected.row($0) })
    }

    @Test func `a head that is sure of one token divides by nothing`() {
        let scene = Scene(rows: 6, vocabulary: 30, pool: pool)
        let sure = Tensor(scene.predicted.scalars.map { $0 * 200 }, scene.predicted.shape)
        let result = scene.evaluate(scene.statistics(1), predicted: sure)
        #expect(result.loss.isFinite && result.skippedRows == 0 && result.gradient?.isFinite == true)
    }

    @Test func `rows are taken, cut and checked`() {
        let statistics = Scene(rows: 4, vocabulary: 20, pool: pool).statistics(3)
        #expect(statistics.prefix(2) == .gather([(statistics, 0), (statistics, 1)]))
        #expect(statistics.prefix(9) == statistics)
        func damaged(_ tokens: [Int32], _ values: [Float], _ normalizer: Float) -> String? {
            TeacherStatistics(entryCount: 2, tokens: tokens, logProbabilities: values, logNormalizers: [normalizer])
                .problem(vocabulary: 20)
        }
        #expect(damaged([1, 2], [-0.5, -2], 3) == nil)
        #expect(damaged([1, -2], [-0.5, -2], 3)?.contains("vocabulary") == true)
        #expect(damaged([1, 20], [-0.5, -2], 3)?.contains("vocabulary") == true)
        for (values, normalizer) in [
            ([-2, -0.5], 3), ([0.5, -2], 3), ([.nan, -2], 3), ([-0.1, -0.2], 3), ([-0.5, -2], .infinity),
        ] as [([Float], Float)] {
            #expect(damaged([1, 2], values, normalizer)?.contains("no part of a distribution") == true, "\(values)")
        }
    }
}
