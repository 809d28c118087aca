import CFalconKernels
import FalconTensor
import Foundation
import Testing

/// Batch invariance begins here: each C variant must give the same bits for a row, alone or among others.
@Suite struct InferenceKernelTests {
    static var variants: [UnsafePointer<falcon_inference_kernels>] {
        var found = [UnsafePointer<falcon_inference_kernels>?](repeating: nil, count: 3)
        let count = falcon_inference_variants(&found)
        return found[0..<count].compactMap { $0 }
    }

    static func values(_ count: Int, _ seed: UInt64) -> [Float] {
        var source = RandomSource(seed: seed)
        return (0..<count).map { _ in source.normal() }
    }

    @Test("norm, gated unit and attention have the same bits in every variant")
    func rowKernelsAgreeAcrossVariants() {
        for width in [1, 5, 16, 17, 48, 100] {
            let x = InferenceKernelTests.values(3 * 2 * width, 6)
            let weight = InferenceKernelTests.values(width, 7)
            var norms: [[Float]] = []
            var units: [[Float]] = []
            for kernels in InferenceKernelTests.variants {
                var norm = [Float](repeating: 0, count: 3 * width)
                var unit = norm
                kernels.pointee.rms_norm(x, weight, 1e-5, 3, width, &norm)
                kernels.pointee.gated_unit(x, 3, width, &unit)
                norms.append(norm)
                units.append(unit)
            }
            for index in norms.indices {
                #expect(norms[index] == norms[0], "norm of width \(width)")
                #expect(units[index] == units[0], "gated unit of width \(width)")
            }
            for row in 0..<3 {
                let values = x[row * width..<(row + 1) * width]
                let mean = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(width)
                for i in 0..<width {
                    let exact = Double(x[row * width + i]) / (mean + 1e-5).squareRoot() * Double(weight[i])
                    #expect(abs(Double(norms[0][row * width + i]) - exact) < 1e-5)
                }
            }
        }
    }

    @Test("attention has the same bits in every variant", arguments: [12, 16, 64, 80])
    func attentionAgreesAcrossVariants(size: Int) {
        let (rows, group, prefix) = (21, 3, 90)
        let width = (size + 15) / 16 * 16
        let slots = prefix + rows
        let blocks = (slots + 63) / 64
        let queries = InferenceKernelTests.values(rows * group * size, 8)
        let keys = InferenceKernelTests.values(blocks * 64 * size, 9)
        let values = InferenceKernelTests.values(blocks * 64 * width, 10)
        // Each row sees a prefix of its own length and two slots behind.
        let extra = (0..<rows).flatMap { [Int32(prefix), Int32(prefix + $0)] }
        let visible = (0..<rows).map {
            falcon_visible(prefix: Int32(prefix - $0), extra_start: Int32(2 * $0), extra_count: 2, hidden: 0)
        }
        var scratch = [Float](repeating: .nan, count: Int(FALCON_ATTENTION_BLOCK) * blocks * 64 + 2)
        var results: [[Float]] = []
        for kernels in InferenceKernelTests.variants {
            var out = [Float](repeating: .nan, count: rows * group * size)
            func attend(_ queries: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, _ values: UnsafePointer<Float>) {
                visible.withUnsafeBufferPointer { visible in
                    extra.withUnsafeBufferPointer { extra in
                        out.withUnsafeMutableBufferPointer { out in
                            var attention = falcon_attention(
                                queries: queries, query_stride: group * size, group: group, size: size, keys: keys,
                                values: values, value_width: width, slots: slots, visible: visible.baseAddress!,
                                extra: extra.baseAddress!, scale: 0.3, out: out.baseAddress!, out_stride: group * size)
                            kernels.pointee.attend(&attention, 0, rows * group, &scratch)
                        }
                    }
                }
            }
            attend(queries, keys, values)
            results.append(out)
        }
        let isFinite = results[0].allSatisfy { $0.isFinite }
        #expect(isFinite)
        for index in results.indices { #expect(results[index] == results[0], "variant \(index)") }
    }

    @Test("gelu by its tangent agrees with double precision, in every variant", arguments: [1, 16, 37])
    func geluUnitIsRight(width: Int) {
        let x = InferenceKernelTests.values(2 * 2 * width, 11)
        var results: [[Float]] = []
        for kernels in InferenceKernelTests.variants {
            var out = [Float](repeating: 0, count: 2 * width)
            kernels.pointee.gelu_unit(x, 2, width, &out)
            results.append(out)
        }
        for row in 0..<2 {
            for i in 0..<width {
                let (gate, up) = (Double(x[row * 2 * width + i]), Double(x[row * 2 * width + width + i]))
                let inner = (2 / Double.pi).squareRoot() * (gate + 0.044715 * gate * gate * gate)
                let exact = 0.5 * gate * (1 + tanh(inner)) * up
                #expect(abs(Double(results[0][row * width + i]) - exact) < 2e-6 * max(1, abs(exact)))
            }
        }
        for result in results { #expect(result == results[0]) }
    }

    @Test("a gated unit stays right at the ends of the range and keeps what is not a number")
    func gatedUnitAtTheEnds() {
        let gates: [Float] = [-200, -90, -1, 0, 1, 90, 200, .nan]
        let x = gates + [Float](repeating: 1, count: 8)
        for kernels in InferenceKernelTests.variants {
            var out = [Float](repeating: 0, count: 8)
            kernels.pointee.gated_unit(x, 1, 8, &out)
            for (gate, value) in zip(gates, out).dropLast() {
                let exact = Double(gate) / (1 + exp(-Double(gate)))
                #expect(abs(Double(value) - exact) <= 1e-6 * max(1, abs(exact)), "silu(\(gate))")
            }
            #expect(out[7].isNaN)
        }
    }
}
