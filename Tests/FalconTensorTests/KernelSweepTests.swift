import CFalconKernels
import Foundation
import Testing

/// Every variant of every elementwise loop and row sum, over every small size and every place within a line of memory,
/// against double precision, also for NaN, infinities and numbers below the smallest normal one.
@Suite struct KernelSweepTests {
    typealias Map = @convention(c) (UnsafeMutablePointer<Float>, Int) -> Void
    private static let sizes = Array(0...37) + [63, 64, 65, 70]
    private static let offsets = Array(0..<16)

    /// Calls `body` for each size and offset.
    private func sweep(_ body: (_ size: Int, _ offset: Int) -> Void) {
        for size in Self.sizes {
            for offset in Self.offsets { body(size, offset) }
        }
    }

    @Test func `Elementary functions of every variant, size and offset`() {
        let functions: [(String, KeyPath<falcon_training_loops, Map>, (Double) -> Double)] = [
            ("exponential", \.exponential, { exp($0) }),
            ("sigmoid", \.sigmoid, { 1 / (1 + exp(-$0)) }),
            ("hyperbolic tangent", \.hyperbolic_tangent, { tanh($0) }),
        ]
        for table in TrainingLoopsTests.tables {
            for (name, function, exact) in functions {
                sweep { size, offset in
                    let input = OddValues.list(size, offset, withSpecial: true)
                    let values = GuardedValues(input, offset: offset)
                    table[keyPath: function](values.pointer, size)
                    #expect(values.isIntact)
                    for (x, y) in zip(input, values.values)
                    where !isNear(
                        y, exact(Double(x)), relative: 3e-7, absolute: 1.2e-38)
                    {
                        Issue.record("\(TrainingLoopsTests.name(table)), \(name)(\(x)) is \(y), size \(size)")
                    }
                }
            }
        }
    }

    @Test func `Sums, dot products and extremes of every variant, size and offset`() {
        for table in TrainingLoopsTests.tables {
            sweep { size, offset in
                let (x, y) = (OddValues.plain(size, offset), OddValues.plain(size, offset + 5))
                let (left, right) = (GuardedValues(x, offset: offset), GuardedValues(y, offset: 15 - offset))
                let dot = zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                let gradient = GuardedValues(count: size, offset: offset)
                let name = "\(TrainingLoopsTests.name(table)), size \(size), offset \(offset)"
                #expect(
                    isNear(table.dot(left.pointer, right.pointer, size), dot, relative: 1e-5, absolute: 1e-3), "\(name)"
                )
                let smooth = zip(x, y).reduce(0.0) { sum, pair in
                    let d = abs(Double(pair.0) - Double(pair.1))
                    return sum + (d < 1 ? d * d / 2 : d - 0.5)
                }
                let computed = table.smooth_l1(left.pointer, right.pointer, size, 0.5, gradient.pointer)
                #expect(isNear(computed, smooth, relative: 1e-5, absolute: 1e-3), "\(name)")
                #expect(gradient.values == zip(x, y).map { min(1, max(-1, $0 - $1)) * 0.5 }, "\(name)")
                #expect(left.isIntact && right.isIntact && gradient.isIntact, "\(name)")
                guard size > 0 else { return }
                var index: Int32 = -1
                let most = table.maximum(left.pointer, size, &index)
                #expect(most == x.max() && Int(index) == x.firstIndex(of: most), "\(name)")
                let exponentials = x.reduce(0.0) { $0 + exp(Double($1 - most)) }
                #expect(
                    isNear(
                        table.sum_of_exponentials(left.pointer, size, most, 1), exponentials, relative: 1e-6,
                        absolute: 0), "\(name)")
                let place = offset % size
                let before = x.enumerated().count { $1 > x[place] || ($1 == x[place] && $0 < place) }
                #expect(table.rank(left.pointer, size, place) == before, "\(name)")
            }
        }
    }

    @Test func `A value that is no number reaches every sum and no maximum`() {
        for table in TrainingLoopsTests.tables {
            for size in 1...37 {
                for place in 0..<size {
                    var x = OddValues.plain(size, place)
                    x[place] = .nan
                    #expect(table.dot(x, x, size).isNaN)
                    #expect(table.sum_of_exponentials(x, size, 4, 1).isNaN)
                    var index: Int32 = -1
                    let most = table.maximum(x, size, &index)
                    let known = x.filter { !$0.isNaN }.max()
                    if let known { #expect(most == known && x[Int(index)] == known, "\(size), \(place)") }
                    #expect(falcon_all_finite(x, size) == 0)
                    x[place] = -.infinity
                    #expect(falcon_all_finite(x, size) == 0)
                    x[place] = .leastNonzeroMagnitude
                    #expect(falcon_all_finite(x, size) == 1)
                }
            }
        }
    }

    @Test func `Maps and conversions of every size and offset`() {
        sweep { size, offset in
            let (x, y) = (OddValues.list(size, offset, withSpecial: true), OddValues.list(size, offset + 1))
            func check(
                _ name: String, _ change: (UnsafeMutablePointer<Float>) -> Void, _ exact: (Float, Float) -> Float
            ) {
                let values = GuardedValues(x, offset: offset)
                change(values.pointer)
                #expect(values.isIntact)
                for (result, (a, b)) in zip(values.values, zip(x, y)) {
                    let expected = exact(a, b)
                    let isSame = result == expected || (result.isNaN && expected.isNaN)
                    #expect(isSame, "\(name) of \(a), \(b) is \(result)")
                }
            }
            check("sum", { falcon_add($0, y, size) }, +)
            check("product", { falcon_multiply($0, y, size) }, *)
            check("scaled", { falcon_scale($0, -0.5, size) }, { a, _ in a * -0.5 })
            let plain = OddValues.plain(size, offset)
            let sum = plain.reduce(0.0) { $0 + Double($1) }
            let squares = plain.reduce(0.0) { $0 + Double($1) * Double($1) }
            let values = GuardedValues(plain, offset: offset)
            #expect(abs(falcon_sum(values.pointer, size) - sum) < 1e-3)
            #expect(abs(falcon_sum_of_squares(values.pointer, size) - squares) < 1e-3)
            // Bytes may lie anywhere; two bytes a value.
            var bytes = [UInt8](repeating: 0xEE, count: 2 * size + 40)
            bytes.withUnsafeMutableBytes { bytes in
                falcon_narrow_float16(x, bytes.baseAddress! + 8 + offset, size)
                let back = GuardedValues(count: size, offset: offset)
                falcon_widen_float16(bytes.baseAddress! + 8 + offset, back.pointer, size)
                #expect(back.isIntact)
                for (result, value) in zip(back.values, x) {
                    let expected = Float(Float16(value))
                    #expect(result.bitPattern == expected.bitPattern || (result.isNaN && expected.isNaN))
                }
            }
            #expect(
                bytes[..<(8 + offset)].allSatisfy { $0 == 0xEE }
                    && bytes[(8 + offset + 2 * size)...].allSatisfy { $0 == 0xEE })
        }
    }

    @Test func `Norms, gated units and turns of inference in every variant, size and offset`() {
        for kernels in InferenceKernelTests.variants {
            for width in 1...37 {
                for offset in stride(from: 0, to: 16, by: 3) {
                    let (x, weight) = (OddValues.plain(2 * width, offset), OddValues.plain(width, offset + 2))
                    let input = GuardedValues(x, offset: offset)
                    let out = GuardedValues(count: 2 * width, offset: 15 - offset)
                    kernels.pointee.rms_norm(input.pointer, weight, 1e-5, 2, width, out.pointer)
                    for row in 0..<2 {
                        let values = x[row * width..<(row + 1) * width].map(Double.init)
                        let inverse = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(width) + 1e-5).squareRoot()
                        for (index, value) in values.enumerated() {
                            let exact = value * inverse * Double(weight[index])
                            #expect(isNear(out.values[row * width + index], exact, relative: 1e-6, absolute: 1e-6))
                        }
                    }
                    let unit = GuardedValues(count: width, offset: offset)
                    kernels.pointee.gated_unit(input.pointer, 1, width, unit.pointer)
                    for index in 0..<width {
                        let gate = Double(x[index])
                        let exact = gate / (1 + exp(-gate)) * Double(x[width + index])
                        #expect(isNear(unit.values[index], exact, relative: 1e-6, absolute: 1e-6))
                    }
                    let (cosines, sines) = (OddValues.plain(width, 1), OddValues.plain(width, 3))
                    let row = GuardedValues(x, offset: offset)
                    kernels.pointee.rotate(row.pointer, 1, width, cosines, sines, 1)
                    for index in 0..<width {
                        let (a, b) = (Double(x[index]), Double(x[width + index]))
                        let (c, s) = (Double(cosines[index]), Double(sines[index]))
                        #expect(isNear(row.values[index], a * c - b * s, relative: 1e-6, absolute: 1e-5))
                        #expect(isNear(row.values[width + index], b * c + a * s, relative: 1e-6, absolute: 1e-5))
                    }
                    #expect(input.isIntact && out.isIntact && unit.isIntact && row.isIntact)
                }
            }
        }
    }
}
