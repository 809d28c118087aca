import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// The distillation loss of a draft head that ranks some of the target's tokens.
@Suite struct DraftVocabularyLossTests {
    let pool = ThreadPool(threadCount: 2)
    static let (rows, hidden, vocabulary) = (40, 6, 90)

    struct Scene {
        let predicted, target, weight: Tensor
        let subset: VocabularySubset
        let pool: ThreadPool

        /// - Parameter tokens: the draft vocabulary; every third token, in another order than the ids', if not given.
        init(tokens: [Int32]? = nil, pool: ThreadPool) {
            var random = RandomSource(seed: 12)
            let (rows, hidden, vocabulary) =
                (DraftVocabularyLossTests.rows, DraftVocabularyLossTests.hidden, DraftVocabularyLossTests.vocabulary)
            target = Tensor(normal: 1, [rows, hidden], from: &random)
            var near = Tensor(normal: 0.5, [rows, hidden], from: &random)
            near.add(target)
            predicted = near
            weight = Tensor(normal: 1, [vocabulary, hidden], from: &random)
            let some = (0..<Int32(vocabulary)).filter { $0 % 3 == 1 }
            subset = VocabularySubset(
                tokens ?? some.filter { $0 % 2 == 0 } + some.filter { $0 % 2 == 1 }, of: vocabulary)
            self.pool = pool
        }

        var whole: VocabularyHead { VocabularyHead(StoredMatrix(weight), on: pool) }
        var draft: SubsetHead {
            SubsetHead(VocabularyHead(StoredMatrix(weight).rows(subset.tokens), on: pool), subset)
        }

        func evaluate(
            _ predicted: Tensor? = nil, options: Distillation.Options = .init(), knows bytes: Int? = nil
        ) -> Distillation.Result {
            let teacher = bytes.map { TeacherLogits(target, head: whole, mostBytes: $0, on: pool) }
            return Distillation.evaluate(
                predicted: predicted ?? self.predicted, target: target, head: whole, draft: draft,
                teacher: teacher.map { ($0, Array(0..<target.rowCount)) }, options: options, denominator: 10, on: pool)
        }

        func evaluate(
            _ statistics: TeacherStatistics, _ predicted: Tensor? = nil, options: Distillation.Options = .init()
        ) -> Distillation.Result {
            Distillation.evaluate(
                predicted: predicted ?? self.predicted, statistics: statistics, head: draft.head, subset: subset,
                options: options, denominator: 10, on: pool)
        }

        func logits(_ features: Tensor, _ row: Int) -> [Double] {
            (0..<weight.rowCount).map { token in
                zip(features.row(row), weight.row(token)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            }
        }

        /// A distribution from logits.
        func softmax(_ logits: [Double]) -> [Double] {
            let sum = logits.reduce(0) { $0 + exp($1) }
            return logits.map { exp($0) / sum }
        }
    }

    @Test func `The loss is the renormalised one times p(D), and a label outside counts as wrong`() throws {
        let scene = Scene(pool: pool)
        let result = scene.evaluate()
        var (soft, hard, outside) = (0.0, 0.0, 0)
        for row in 0..<Self.rows {
            let p = scene.softmax(scene.logits(scene.target, row))
            let z = scene.logits(scene.predicted, row)
            let tokens = scene.subset.tokens
            let q = scene.softmax(tokens.map { z[Int($0)] })
            let mass = tokens.reduce(0) { $0 + p[Int($1)] }
            let divergence = zip(tokens, q).reduce(0) { sum, pair in
                let share = p[Int(pair.0)] / mass
                return sum + share * log(share / pair.1)
            }
            soft += mass * divergence
            let label = Int32(p.indices.max { p[$0] < p[$1] }!)
            #expect(result.targetTokens[row] == label)
            #expect(result.draftTokens[row] == tokens[q.indices.max { q[$0] < q[$1] }!])
            if let column = tokens.firstIndex(of: label) {
                hard -= log(q[column])
                #expect(Int(result.ranks[row]) == q.count { $0 > q[column] })
            } else {
                outside += 1
                #expect(result.ranks[row] == Distillation.outside)
            }
        }
        #expect(abs(Double(result.softLoss) - soft / 10) < 1e-4 * soft)
        #expect(abs(Double(result.hardLoss) - hard / 10) < 1e-4 * hard)
        #expect(outside > 0 && outside < Self.rows && result.skippedRows == 0)
        #expect(result.hits(top: 1000) == Self.rows - outside)
    }

    /// Compares a gradient with differences of the loss.
    private func check(
        _ scene: Scene, _ name: String, rows: [Int], _ evaluate: (Tensor) -> Distillation.Result
    ) throws {
        let gradient = try #require(evaluate(scene.predicted).gradient)
        let step: Float = 1e-2
        for row in rows {
            for column in 0..<Self.hidden {
                func loss(_ change: Float) -> Double {
                    var moved = scene.predicted
                    moved[row, column] += change
                    return evaluate(moved).rowLosses.reduce(0) { $0 + Double($1) } / 10
                }
                let slope = (loss(step) - loss(-step)) / Double(2 * step)
                #expect(
                    abs(slope - Double(gradient[row, column])) < 2e-3 + 1e-2 * abs(slope),
                    "\(name), row \(row), column \(column): \(gradient[row, column]), by differences \(slope)")
            }
        }
    }

    @Test func `Gradients are those of finite differences`() throws {
        let scene = Scene(pool: pool)
        let labels = (0..<Int32(Self.rows)).map { ($0 * 7) % Int32(Self.vocabulary) }
        for (name, options) in [
            ("soft", Distillation.Options(softWeight: 1)), ("hard", .init(softWeight: 0)), ("both", .init()),
            ("the text's labels", .init(hardLabel: .tokens(labels), softWeight: 0.3)),
            ("the authors' form", .init(softLoss: .authorsCode(temperature: 0.95), softWeight: 0.7)),
        ] {
            try check(scene, name, rows: [0, 7, 21, 39]) { scene.evaluate($0, options: options) }
        }
        let logits = PackedMatrix([StoredMatrix(scene.weight)], arithmetic: .float32, on: pool)
            .multiply(scene.target, on: pool)
        for entries in [1, 8, Self.vocabulary] {
            let statistics = TeacherStatistics(logits: logits, entryCount: entries)
            try check(scene, "\(entries) statistics", rows: [0, 7, 21, 39]) { scene.evaluate(statistics, $0) }
        }
    }

    @Test func `Statistics that name all tokens give the exact loss`() throws {
        let scene = Scene(pool: pool)
        let logits = PackedMatrix([StoredMatrix(scene.weight)], arithmetic: .float32, on: pool)
            .multiply(scene.target, on: pool)
        let exact = scene.evaluate()
        let known = scene.evaluate(TeacherStatistics(logits: logits, entryCount: Self.vocabulary))
        #expect(abs(known.loss - exact.loss) < 1e-4 * exact.loss)
        #expect(known.ranks == exact.ranks && known.draftTokens == exact.draftTokens)
        expectClose(try #require(known.gradient), try #require(exact.gradient), absolute: 1e-5, "gradient")
    }

    @Test(arguments: [nil, 0, 90 * 4 * 11, 1 << 20]) func `What is known of the target changes nothing`(
        bytes: Int?
    ) throws {
        let scene = Scene(pool: pool)
        let (expected, result) = (scene.evaluate(), scene.evaluate(knows: bytes))
        #expect(result.ranks == expected.ranks && abs(result.loss - expected.loss) < 1e-5 * expected.loss)
        expectClose(try #require(result.gradient), try #require(expected.gradient), absolute: 1e-6, "gradient")
    }

    @Test func `The whole vocabulary as a draft vocabulary gives the same bits as none`() {
        let scene = Scene(tokens: Array(0..<Int32(Self.vocabulary)), pool: pool)
        for options in [
            Distillation.Options(), .init(softLoss: .authorsCode(temperature: 0.95)),
            .init(hardLabel: .sample(RandomSource(seed: 5))),
        ] {
            let none = Distillation.evaluate(
                predicted: scene.predicted, target: scene.target, head: scene.whole,
                teacher: (TeacherLogits(scene.target, head: scene.whole, on: pool), Array(0..<Self.rows)),
                options: options, denominator: 10, on: pool)
            let all = scene.evaluate(options: options, knows: 1 << 20)
            #expect(all.loss == none.loss && all.ranks == none.ranks && all.rowLosses == none.rowLosses)
            #expect(all.gradient?.scalars == none.gradient?.scalars)
        }
    }

    @Test func `A row whose label is outside teaches by what is inside alone`() throws {
        // Two tokens of three; the target is sure of the third.
        let target = Tensor([0, 0, 12], [1, 3])
        let weight = Tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3])
        let subset = VocabularySubset([1, 0], of: 3)
        let whole = VocabularyHead(StoredMatrix(weight), on: pool)
        let draft = SubsetHead(VocabularyHead(StoredMatrix(weight).rows(subset.tokens), on: pool), subset)
        let result = Distillation.evaluate(
            predicted: Tensor([3, -1, 0], [1, 3]), target: target, head: whole, draft: draft, denominator: 1, on: pool)
        #expect(result.hardLoss == 0 && result.ranks == [Distillation.outside] && result.draftTokens == [0])
        #expect(result.softLoss >= 0 && result.softLoss < 1e-4)
        #expect(try #require(result.gradient).scalars.allSatisfy { abs($0) < 1e-4 })
    }

    @Test func `A row that is not finite is left out, and is not a row whose label is outside`() throws {
        let scene = Scene(pool: pool)
        var broken = scene.predicted
        broken[3, 2] = .nan
        let result = scene.evaluate(broken)
        #expect(result.skippedRows == 1 && result.ranks[3] == .max && result.loss.isFinite)
        #expect(try #require(result.gradient).row(3) == [Float](repeating: 0, count: Self.hidden))
    }
}

/// Some rows of a matrix, in any order, as a matrix of their own.
@Suite struct RowSelectionTests {
    let pool = ThreadPool(threadCount: 2)

    @Test(arguments: [ElementType.float32, .bfloat16, .float16])
    func `Selected rows of a file multiply to the bits of the whole matrix`(type: ElementType) throws {
        var random = RandomSource(seed: 4)
        let (rows, columns) = (100, 64)
        let whole = Tensor(normal: 1, [rows, columns], from: &random)
        let folder = try TemporaryFolder()
        try folder.write(whole.bytes(as: type), to: "matrix")
        let file = try MappedFile(path: folder.file("matrix"))
        let stored = StoredMatrix(
            file: file, range: 0..<rows * columns * type.size, type: type, rows: rows, columns: columns)
        let chosen: [Int32] = [99, 3, 4, 50, 0, 17, 98] + (20..<60).filter { $0 % 3 == 0 && $0 != 50 }
        let some = stored.rows(chosen)
        #expect(some.tensor() == stored.gather(chosen))
        // A part of a selection, and a selection of a part.
        #expect(some.rows(2..<5).tensor() == stored.gather(Array(chosen[2..<5])))
        #expect(stored.rows(10..<30).rows([5, 1]).tensor() == stored.gather([15, 11]))
        #expect(some.rows([1, 0]).tensor() == stored.gather([3, 99]))
        let x = Tensor(normal: 1, [3, columns], from: &random)
        for arithmetic in ProductArithmetic.allCases {
            let all = PackedMatrix([stored], arithmetic: arithmetic, on: pool).multiply(x, on: pool)
            let part = PackedMatrix([some], arithmetic: arithmetic, on: pool).multiply(x, on: pool)
            for row in 0..<3 {
                #expect(part.row(row) == chosen.map { all[row, Int($0)] }, "\(arithmetic), row \(row)")
            }
        }
    }
}
