import CFalconKernels
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// The loops on pairs of bfloat16 values, in every instruction set that this processor has, against plain sums.
@Suite struct PairLoopsTests {
    static func name(_ table: falcon_training_loops) -> String { String(cString: table.name) }

    /// Small whole numbers and their parts, which bfloat16 holds.
    static func exact(_ count: Int, seed: UInt64) -> [Float] {
        var random = RandomSource(seed: seed)
        return (0..<count).map { _ in Float(random.below(63) - 31) / 16 }
    }

    /// Rows, columns, depth, and how much longer than their part the rows are that operands lie in.
    static let shapes = [
        (1, 1, 1, 0), (5, 3, 2, 1), (6, 64, 33, 3), (17, 40, 64, 0), (13, 65, 101, 5), (40, 130, 70, 2),
    ]

    @Test(arguments: shapes) func `Packed operands give the product, wherever they lie`(shape: (Int, Int, Int, Int)) {
        let (rows, columns, depth, beside) = shape
        let pairs = (depth + 1) / 2
        for table in TrainingLoopsTests.tables {
            let panel = table.product_panel
            for (leftAlong, rightAlong) in [(1, 1), (1, 0), (0, 1), (0, 0)] {
                let leftStride = (leftAlong == 1 ? depth : rows) + beside
                let rightStride = (rightAlong == 1 ? depth : columns) + beside
                let left = Self.exact(leftStride * max(rows, depth), seed: 1)
                let right = Self.exact(rightStride * max(columns, depth), seed: 2)
                var packedLeft = [UInt32](repeating: .max, count: rows * pairs)
                table.pack_rows(left, leftStride, Int32(leftAlong), rows, depth, &packedLeft)
                var result = [Float](repeating: 2, count: rows * columns)
                for first in stride(from: 0, to: columns, by: panel) {
                    let count = min(panel, columns - first)
                    var packed = [UInt32](repeating: .max, count: panel * pairs)
                    let start = rightAlong == 1 ? first * rightStride : first
                    right[start...].withUnsafeBufferPointer { source in
                        table.pack_pairs(
                            source.baseAddress!, rightStride, Int32(rightAlong), count, panel, depth, &packed)
                    }
                    result.withUnsafeMutableBufferPointer { result in
                        table.multiply_pairs(
                            packedLeft, rows, packed, pairs, result.baseAddress! + first, columns, count, 0.5)
                    }
                }
                var expected: [Float] = []
                for row in 0..<rows {
                    for column in 0..<columns {
                        var sum: Float = 1
                        for d in 0..<depth {
                            let a = leftAlong == 1 ? left[row * leftStride + d] : left[d * leftStride + row]
                            let b = rightAlong == 1 ? right[column * rightStride + d] : right[d * rightStride + column]
                            sum += a * b
                        }
                        expected.append(sum)
                    }
                }
                // Sums of such numbers are exact in float32, in any order.
                #expect(result == expected, "\(Self.name(table)), \(shape), along depth \(leftAlong) \(rightAlong)")
            }
        }
    }

    @Test(arguments: [1, 3, 16, 17, 40, 70], [1, 2, 3, 5])
    func `Paired LSTM steps are the float ones on rounded values`(
        size: Int, rows: Int
    ) {
        let weight = Self.exact(4 * size * size, seed: 3).map { $0 / 8 }
        let (states, gateValues) = (Self.exact(rows * size, seed: 4), Self.exact(rows * 4 * size, seed: 5))
        let stride = (4 * size + 31) / 32 * 32
        func rounded(_ values: [Float], width: Int) -> [UInt16] {
            (0..<rows * stride).map { index in
                let (row, column) = (index / stride, index % stride)
                return column < width ? UInt16(values[row * width + column].bitPattern >> 16) : 0
            }
        }
        for table in TrainingLoopsTests.tables {
            func results(paired: Int32) -> [[Float]] {
                func panels(_ adjoint: Int32) -> [UInt32] {
                    let panelSize = table.lstm_panel_size(size, adjoint, paired)
                    let count = table.lstm_panel_count(size, adjoint)
                    var all = [UInt32](repeating: .max, count: count * panelSize)
                    all.withUnsafeMutableBufferPointer { all in
                        for panel in 0..<count {
                            table.lstm_pack(
                                weight, size, adjoint, paired, panel, all.baseAddress! + panel * panelSize)
                        }
                    }
                    return all
                }
                var blocks: [UnsafeMutableRawPointer] = []
                defer { for block in blocks { block.deallocate() } }
                func block<Value>(_ values: [Value]) -> UnsafeMutablePointer<Value> {
                    let pointer = UnsafeMutablePointer<Value>.allocate(capacity: values.count)
                    pointer.initialize(from: values, count: values.count)
                    blocks.append(UnsafeMutableRawPointer(pointer))
                    return pointer
                }
                let empty = [Float](repeating: 0, count: rows * size)
                let (gates, cell, hidden, state) = (block(gateValues), block(empty), block(empty), block(states))
                let output = block([UInt16](repeating: 0, count: rows * stride))
                var step = falcon_lstm_step(
                    hidden_size: size, rows: rows, gate_stride: 4 * size, state_stride: size, previous_stride: size,
                    previous_hidden: state, previous_cell: state, gates: gates, cell: cell, hidden: hidden,
                    previous_rounded: block(rounded(states, width: size)), rounded: output, rounded_stride: stride)
                table.lstm_step(&step, paired, panels(0), 0, table.lstm_panel_count(size, 0))
                if paired == 1 {
                    for row in 0..<rows {
                        let values = (0..<size).map { hidden[row * size + $0] }
                        let found = (0..<size).map { output[row * stride + $0] }
                        let exact = Tensor(values, [size]).bytes(as: .bfloat16)
                        #expect(found.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } == exact)
                    }
                }
                let (slopes, carried) = (block(gateValues), block(Self.exact(rows * size, seed: 6)))
                var adjoint = falcon_lstm_step_adjoint(
                    hidden_size: size, rows: rows, gate_stride: 4 * size, state_stride: size, previous_stride: size,
                    next_gate_gradients: block(gateValues), previous_cell: state, gates: gates, cell: cell,
                    hidden_gradient: state, cell_gradient: carried, gate_gradients: slopes,
                    next_rounded: block(rounded(gateValues, width: 4 * size)), rounded: output, rounded_stride: stride)
                table.lstm_step_adjoint(&adjoint, paired, panels(1), 0, table.lstm_panel_count(size, 1))
                func values(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) -> [Float] {
                    Array(UnsafeBufferPointer(start: pointer, count: count))
                }
                return [
                    values(hidden, rows * size), values(cell, rows * size), values(slopes, rows * 4 * size),
                    values(carried, rows * size),
                ]
            }
            for (paired, plain) in zip(results(paired: 1), results(paired: 0)) {
                expectClose(
                    Tensor(paired, [paired.count]), Tensor(plain, [plain.count]), absolute: 2e-5,
                    "\(Self.name(table)), \(size) units, \(rows) rows")
            }
        }
    }

    @Test(arguments: [1, 15, 16, 33]) func `AdamW scales and clips on the way as it would before`(count: Int) {
        let gradient = Self.exact(count, seed: 7)
        for table in TrainingLoopsTests.tables {
            func moved(_ gradient: [Float], scale: Float, limit: Float) -> [Float] {
                var step = falcon_adamw(
                    scale: scale, limit: limit, beta1: 0.9, beta2: 0.95, rest1: 0.1, rest2: 0.05, epsilon: 1e-8,
                    decay: 0.99, step_size: 0.01, root_correction: 0.3)
                var (parameter, first, second) = (gradient.map { $0 + 1 }, gradient, gradient.map { $0 * $0 })
                parameter = Self.exact(count, seed: 8)
                first = Self.exact(count, seed: 9)
                second = Self.exact(count, seed: 10).map { $0 * $0 }
                table.adamw(&step, &parameter, gradient, &first, &second, count)
                return parameter + first + second
            }
            let before = gradient.map { min(0.5, max(-0.5, $0 * 0.3)) }
            #expect(moved(gradient, scale: 0.3, limit: 0.5) == moved(before, scale: 1, limit: .infinity))
            var broken = gradient
            broken[count - 1] = .nan
            #expect(moved(broken, scale: 1, limit: 0.5)[count - 1].isNaN)
        }
    }
}
