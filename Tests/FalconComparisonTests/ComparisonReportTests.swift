import FalconJSON
import FalconTestSupport
import Foundation
import Testing

@testable import FalconComparison

@Suite struct ComparisonReportTests {
    private func records(_ lines: [String]) -> [JSONObject] {
        lines.compactMap { (try? JSONParser.parse(Array($0.utf8)))?.object }
    }

    private func curve(_ head: String, _ lengths: [(step: Int, tokens: Int, length: Double)]) throws -> TrainingCurve {
        try #require(
            TrainingCurve(
                head: head, path: head,
                records: records(
                    lengths.map {
                        "{\"step\":\($0.step),\"tokens\":\($0.tokens),\"loss\":1,\"accept_length_tree\":\($0.length)}"
                    })))
    }

    @Test func `a figure has mean, sample deviation and its values`() throws {
        let figure = try #require(ComparisonReport.Figure([1, 2, 3, 6]))
        #expect(figure.mean == 3 && figure.values == [1, 2, 3, 6])
        #expect(abs((figure.deviation ?? 0) - (14.0 / 3).squareRoot()) < 1e-12)
        #expect(ComparisonReport.Figure([5])?.deviation == nil && ComparisonReport.Figure([]) == nil)
        #expect(ComparisonTable.cell(figure) == "3.00 ± 2.16" && ComparisonTable.cell(nil).isEmpty)
    }

    @Test func `a curve counts tokens, also of steps that are not logged, and keeps evaluations`() throws {
        let curve = try #require(
            TrainingCurve(
                head: "a", path: "a",
                records: records([
                    "{\"step\":1,\"tokens\":10,\"loss\":4}",
                    "{\"step\":2,\"tokens\":10,\"loss\":2,\"validation_loss\":null}",
                    "{\"step\":4,\"tokens\":20,\"loss\":1,\"validation_loss\":3,\"validation_accept_length\":0.5}",
                ])))
        #expect(curve.points.map(\.step) == [1, 2, 4] && curve.points.map(\.tokens) == [10, 20, 60])
        #expect(curve.points.map(\.loss) == [4, 2, 1] && curve.points.map(\.validationLoss) == [nil, nil, 3])
        #expect(curve.points[2].heldOutAcceptLength == 0.5)
        // Of many steps the loss is a mean.
        let many = try #require(
            TrainingCurve(
                head: "a", path: "a", records: records((1...1000).map { "{\"step\":\($0),\"loss\":\($0 % 5)}" })))
        #expect(many.points.count == 200 && many.points.allSatisfy { $0.loss == 2 })
        #expect(TrainingCurve(head: "a", path: "a", records: []) == nil)
    }

    @Test func `runs are compared at the last step and the fewest tokens that all have`() throws {
        let curves = [
            try curve("a", [(10, 100, 0.5), (20, 100, 1), (30, 100, 2)]),
            try curve("b", [(10, 40, 0.25), (20, 40, 0.75)]), try curve("b", [(10, 40, 0.5), (20, 40, 1.25)]),
        ]
        let equal = try #require(ComparisonReport.EqualTraining(curves, heads: ["a", "b", "c"]))
        #expect(equal.steps == 20 && equal.tokens == 80 * 10)
        #expect(equal.heads.map(\.head) == ["a", "b"])
        #expect(equal.heads.map(\.atSteps?.values) == [[1], [0.75, 1.25]])
        // 800 tokens: before a's first evaluation.
        #expect(equal.heads.map(\.atTokens?.values) == [nil, [0.75, 1.25]])
        #expect(ComparisonReport.EqualTraining(Array(curves.suffix(2)), heads: ["a", "b"]) == nil)
    }

    @Test func `more curves than colours go on several pictures, and names are no markup`() {
        let pictures = CurveSheets.pictures(
            "title", (0..<17).map { .init(name: "head \($0)", points: [(1, 2), (2, Double($0))]) }, axis: "step")
        #expect(pictures.map(\.title) == ["title (1 of 3)", "title (2 of 3)", "title (3 of 3)"])
        #expect(CurveSheets.pictures("title", [], axis: "step").isEmpty)
        let figure = ComparisonReport.Figure([1, 2])
        let row = ComparisonReport.Row(
            head: "<b>|", tree: "medium", questions: "q", dialogues: 1, ofDialogues: 2, acceptLength: figure,
            acceptLengthWithoutLoops: figure, acceptanceByDepth: [],
            acceptanceByDepthWithoutLoops: [figure, figure].compactMap(\.self),
            draftMillisecondsPerPass: figure, draftShareOfTargetPass: figure, tokensPerSecond: figure,
            baselineTokensPerSecond: figure, speedup: figure, generatedTokens: 5, targetPasses: 4, draftPasses: 3,
            mismatchedTokens: 2, choice: nil)
        let report = ComparisonReport(
            target: "<t>", targetFingerprint: "f", trees: ["medium"], base: "<b>|", maxNewTokens: 8, temperature: 0,
            lookup: false,
            complete: false,
            questions: [
                .init(
                    name: "q", path: "q.jsonl", dialogues: 2, prompts: 3, loopingPrompts: 1, generatedTokens: 9,
                    tokensPerSecond: 3, millisecondsPerPass: 2)
            ],
            heads: [.init(name: "<b>|", note: "<i>", blockSize: 2, byteCount: 8, members: [])], rows: [row], curves: [],
            equalTraining: nil, mismatchedTokens: 2, formulas: ComparisonReport.allFormulas)
        let html = ComparisonPage(report).html
        #expect(
            !html.contains("<b>|") && !html.contains("<t>") && html.contains("&lt;b&gt;|")
                && html.contains("class=\"bad\""))
        let text = ComparisonTable(report).text
        #expect(text.contains("| <b>\\| (1 of 2 dialogues) | medium |") && text.contains("Not everything is measured"))
        #expect(text.contains("1.50 ± 0.71") && text.contains("| over <b>\\| |") && text.contains("150 %"))
    }
}
