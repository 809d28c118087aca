import CFalconKernels
import Foundation
import Testing

/// Every instruction set's loops that this processor can run: elementary functions against double precision, and
/// each table against the baseline.
@Suite struct TrainingLoopsTests {
    static var tables: [falcon_training_loops] {
        (0..<FALCON_TRAINING_TABLES).compactMap { falcon_training_loops_at($0)?.pointee }
    }

    static func name(_ table: falcon_training_loops) -> String { String(cString: table.name) }

    /// 40,001 numbers, so that the last vector is incomplete.
    static func range(_ bounds: ClosedRange<Double>) -> [Float] {
        (0...40_000).map { Float(bounds.lowerBound + (bounds.upperBound - bounds.lowerBound) * Double($0) / 40_000) }
    }

    static func worst(_ computed: [Float], _ inputs: [Float], _ exact: (Double) -> Double) -> Double {
        zip(computed, inputs).reduce(0) { worst, pair in
            let expected = exact(Double(pair.1))
            return max(worst, expected == 0 ? abs(Double(pair.0)) : abs(Double(pair.0) / expected - 1))
        }
    }

    @Test func `Elementary functions are within 2e-7 of the truth, relatively`() {
        for table in Self.tables {
            for (function, exact, ranges) in [
                (table.exponential, { exp($0) }, [-87.0...88.7, -1...1]),
                (table.logarithm, { log($0) }, [1e-8...40, 0.9...1.1]),
                (table.sigmoid, { 1 / (1 + exp(-$0)) }, [-87...90, -2...2]),
                (table.hyperbolic_tangent, { tanh($0) }, [-20...20, -0.7...0.7, -1e-3...1e-3]),
            ]
                as [(
                    @convention(c) (UnsafeMutablePointer<Float>, Int) -> Void, (Double) -> Double, [ClosedRange<Double>]
                )]
            {
                for range in ranges {
                    let inputs = Self.range(range)
                    var values = inputs
                    function(&values, values.count)
                    #expect(Self.worst(values, inputs, exact) < 2e-7, "\(Self.name(table)), \(range)")
                }
            }
        }
    }

    @Test func `Elementary functions keep to their limits, and NaN stays NaN`() {
        for table in Self.tables {
            var values: [Float] = [-.infinity, -104, .infinity, 90, .nan, 0]
            table.exponential(&values, values.count)
            #expect(values[0] == 0 && values[1] == 0 && values[2] == .infinity && values[3] == .infinity)
            #expect(values[4].isNaN && values[5] == 1)
            values = [-.infinity, .infinity, .nan, 1e-30]
            table.hyperbolic_tangent(&values, values.count)
            #expect(values[0] == -1 && values[1] == 1 && values[2].isNaN && values[3] == 1e-30)
            values = [-.infinity, .infinity, .nan]
            table.sigmoid(&values, values.count)
            #expect(values[0] == 0 && values[1] == 1 && values[2].isNaN)
        }
    }

    @Test(arguments: [1, 3, 16, 17, 100]) func `Every table gives the baseline's losses and cells`(count: Int) {
        let baseline = Self.tables[0]
        let draft = (0..<count).map { Float(sin(Double($0) * 1.7) * 3) }
        let target = (0..<count).map { Float(cos(Double($0) * 0.9) * 3) }
        for table in Self.tables {
            func outcome(_ table: falcon_training_loops) -> [Float] {
                var results: [Float] = []
                var index: Int32 = -1
                let (most, mostTarget) = (table.maximum(draft, count, &index), table.maximum(target, count, &index))
                results += [most, mostTarget, Float(index), Float(table.rank(draft, count, count / 2))]
                let sums: [Float] = [draft, target].map { (values: [Float]) in
                    table.sum_of_exponentials(values, count, 3, 1)
                }
                results += sums
                var slopes = draft
                results.append(
                    table.distil(&slopes, target, count, 3, log(sums[0]), 3, log(sums[1]), 0.9, 0.1))
                results += slopes
                slopes = draft
                results.append(
                    table.distil_authors_code(
                        &slopes, target, count, 3, log(sums[0]), log(sums[0]), 3, log(sums[1]), log(sums[1]), 0.95,
                        1e-8, 0.9, 0.1))
                results += slopes
                slopes = draft
                var smaller: Float = 0
                results.append(
                    table.overlap(draft, target, count, 3, log(sums[0]), 3, log(sums[1]), &smaller))
                results.append(smaller)
                results.append(
                    table.distil_overlap(
                        &slopes, target, count, 3, log(sums[0]), 3, log(sums[1]), smaller, 1.7, 0.9, 0.1))
                results += slopes
                var gates = draft + target + draft
                var hidden = target
                table.gated_cell(&gates, target + target + draft, &hidden, count)
                results += gates + hidden
                results.append(table.smooth_l1(draft, target, count, 0.5, &hidden))
                results += hidden + [table.dot(draft, target, count)]
                return results
            }
            let (computed, expected) = (outcome(table), outcome(baseline))
            for (index, pair) in zip(computed, expected).enumerated() {
                #expect(abs(pair.0 - pair.1) < 1e-5 * max(1, abs(pair.1)), "\(Self.name(table)), result \(index)")
            }
        }
    }
}
