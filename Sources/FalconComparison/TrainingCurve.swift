import FalconJSON
import FalconTensor
import Foundation

/// How a head's training went, from its run's `metrics.jsonl`.
package struct TrainingCurve: Codable, Sendable {
    /// An evaluation, or several steps with their mean loss.
    package struct Point: Codable, Sendable {
        package let step: Int
        /// Read up to this step; where not every step is logged, an estimate.
        package let tokens: Int
        package let loss, validationLoss: Double?
        package let acceptLengthChain, acceptLengthTree: Double?
        /// Teacher-forced.
        package let validationAcceptLength: Double?
        /// Decoded by the target itself.
        package let decodedAcceptLength: Double?

        /// What runs are compared by: decoding from stored features, else the teacher-forced estimate.
        package var heldOutAcceptLength: Double? { acceptLengthTree ?? validationAcceptLength }
    }

    package let head, path: String
    package let points: [Point]

    /// Of the loss.
    private static let mostPoints = 200

    /// `nil` for a head without a log, or whose log has no steps.
    init?(head: String, member: ComparedHead.Member) {
        guard let metrics = member.metrics, let data = FileManager.default.contents(atPath: metrics) else { return nil }
        let records = data.split(separator: UInt8(ascii: "\n")).compactMap { line in
            (try? JSONParser.parse(Array(line)))?.object
        }
        self.init(head: head, path: member.path, records: records)
    }

    init?(head: String, path: String, records: [JSONObject]) {
        (self.head, self.path) = (head, path)
        let group = max(1, (records.count + TrainingCurve.mostPoints - 1) / TrainingCurve.mostPoints)
        var (points, losses, tokens, last): ([Point], [Double], Int, Int) = ([], [], 0, 0)
        for record in records {
            guard let step = record["step"]?.integer, step > last else { continue }
            tokens += (record["tokens"]?.integer ?? 0) * (step - last)
            last = step
            if let loss = record["loss"]?.double, loss.isFinite { losses.append(loss) }
            func number(_ name: String) -> Double? { record[name]?.double.flatMap { $0.isFinite ? $0 : nil } }
            let names = [
                "validation_loss", "accept_length_chain", "accept_length_tree", "validation_accept_length",
                "decoded_accept_length",
            ]
            guard losses.count >= group || names.contains(where: { number($0) != nil }) else { continue }
            points.append(
                Point(
                    step: step, tokens: tokens,
                    loss: losses.isEmpty ? nil : losses.reduce(0, +) / Double(losses.count),
                    validationLoss: number("validation_loss"), acceptLengthChain: number("accept_length_chain"),
                    acceptLengthTree: number("accept_length_tree"),
                    validationAcceptLength: number("validation_accept_length"),
                    decodedAcceptLength: number("decoded_accept_length")))
            losses = []
        }
        guard !points.isEmpty else { return nil }
        self.points = points
    }

    /// Of the last evaluation at or before a point of the training.
    func heldOutAcceptLength(upTo isReached: (Point) -> Bool) -> Double? {
        points.last { isReached($0) && $0.heldOutAcceptLength != nil }?.heldOutAcceptLength
    }
}

extension ComparisonReport.EqualTraining {
    /// `nil` where fewer than two heads have evaluations in common.
    init?(_ curves: [TrainingCurve], heads names: [String]) {
        let evaluated = curves.filter { $0.points.contains { $0.heldOutAcceptLength != nil } }
        guard Set(evaluated.map(\.head)).count > 1 else { return nil }
        let ends = evaluated.compactMap { curve in curve.points.last { $0.heldOutAcceptLength != nil } }
        guard let steps = ends.map(\.step).min(), let tokens = ends.map(\.tokens).min() else { return nil }
        (self.steps, self.tokens) = (steps, tokens)
        heads = names.compactMap { name in
            let own = evaluated.filter { $0.head == name }
            guard !own.isEmpty else { return nil }
            return Entry(
                head: name,
                atSteps: ComparisonReport.Figure(
                    own.compactMap { $0.heldOutAcceptLength { $0.step <= steps } }),
                atTokens: ComparisonReport.Figure(
                    own.compactMap { $0.heldOutAcceptLength { $0.tokens <= tokens } }))
        }
    }
}
