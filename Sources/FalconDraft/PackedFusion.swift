import FalconModels
import FalconTensor

/// How the draft head's input, token embedding beside feature, becomes one row: the drafting form of the fusion.
///
/// With `lstm` the rows of a branch depend on each other through a state, which each branch of a draft tree carries
/// on from its parent's; with `gated` and `linear` each row stands alone and the state is empty.
struct PackedFusion: Sendable {
    /// Where the recurrence stands at the end of some branches: (hidden, cell) of each of the two LSTM layers,
    /// `[branches, hidden size]` each; empty for fusions without a recurrence.
    struct State: Sendable {
        var layers: [(hidden: Tensor, cell: Tensor)]

        /// The states of some of the branches, in this order.
        func branches(_ indices: [Int]) -> State {
            State(layers: layers.map { ($0.hidden.rows(indices), $0.cell.rows(indices)) })
        }

        /// The branches of several states, one after the other.
        static func joined(_ states: [State]) -> State {
            State(
                layers: states[0].layers.indices.map { layer in
                    (
                        Tensor.stacked(states.map { $0.layers[layer].hidden }),
                        Tensor.stacked(states.map { $0.layers[layer].cell })
                    )
                })
        }
    }

    /// One LSTM layer, its two biases added together.
    private struct Recurrence: Sendable {
        let input: PackedMatrix
        let hidden: PackedMatrix
        let bias: Tensor
    }

    private enum Form: Sendable {
        case linear(PackedMatrix, bias: Tensor?)
        case gated([(input: PackedMatrix, bias: Tensor)])
        case recurrent([Recurrence])
    }

    private let form: Form
    /// Of the layers' states that are added to what comes out (`AuxiliaryInput`).
    private let auxiliary: PackedMatrix?
    private let hiddenSize: Int

    /// - Parameter weights: scope of the draft head's weights, by the names of its state dictionary.
    /// - Throws: `FileError` where a tensor is missing or has another shape.
    init(
        _ weights: LayerWeights, _ configuration: DraftConfiguration, arithmetic: ProductArithmetic,
        on pool: ThreadPool
    ) throws {
        func packed(_ parts: StoredMatrix...) -> PackedMatrix {
            PackedMatrix(parts, arithmetic: arithmetic, on: pool)
        }
        let hiddenSize = configuration.model.hiddenSize
        self.hiddenSize = hiddenSize
        let layers = configuration.auxiliaryLayers.count
        auxiliary =
            layers == 0
            ? nil
            : packed(try weights.matrix(AuxiliaryInput.name, rows: hiddenSize, columns: layers * hiddenSize))
        let lstm = weights.scope("lstm")
        let gates = 4 * hiddenSize
        func bias(_ layer: Int) throws -> Tensor {
            // Zeros add nothing but the sign of a zero, which no gate tells apart.
            guard configuration.hasFusionBias else { return Tensor(zeros: [gates]) }
            var bias = try lstm.vector("bias_ih_l\(layer)", count: gates)
            bias.add(try lstm.vector("bias_hh_l\(layer)", count: gates))
            return bias
        }
        switch configuration.fusion {
        case .linear:
            let matrix = try weights.matrix("fc.weight", rows: hiddenSize, columns: 2 * hiddenSize)
            let bias = configuration.hasFusionBias ? try weights.vector("fc.bias", count: hiddenSize) : nil
            form = .linear(packed(matrix), bias: bias)
        case .gated:
            // The forget gate and the recurrent weights multiply a state of zeros: they are left out.
            form = .gated(
                try [2 * hiddenSize, hiddenSize].enumerated().map { layer, width in
                    let matrix = try lstm.matrix("weight_ih_l\(layer)", rows: gates, columns: width)
                    let all = try bias(layer).reshaped([4, hiddenSize])
                    let live = packed(matrix.rows(0..<hiddenSize), matrix.rows(2 * hiddenSize..<gates))
                    return (live, all.rows([0, 2, 3]).reshaped([3 * hiddenSize]))
                })
        case .lstm:
            form = .recurrent(
                try [2 * hiddenSize, hiddenSize].enumerated().map { layer, width in
                    let input = try lstm.matrix("weight_ih_l\(layer)", rows: gates, columns: width)
                    let hidden = try lstm.matrix("weight_hh_l\(layer)", rows: gates, columns: hiddenSize)
                    return Recurrence(
                        input: packed(input), hidden: packed(hidden), bias: try bias(layer))
                })
        }
    }

    /// Bytes of the packed weights.
    var byteCount: Int {
        let own = auxiliary?.byteCount ?? 0
        switch form {
        case .linear(let matrix, _): return own + matrix.byteCount
        case .gated(let layers): return layers.reduce(own) { $0 + $1.input.byteCount }
        case .recurrent(let layers): return layers.reduce(own) { $0 + $1.input.byteCount + $1.hidden.byteCount }
        }
    }

    /// Where a sequence starts.
    var initialState: State {
        guard case .recurrent(let layers) = form else { return State(layers: []) }
        return State(layers: layers.map { _ in (Tensor(zeros: [1, hiddenSize]), Tensor(zeros: [1, hiddenSize])) })
    }

    /// Fuses the next rows of some branches.
    ///
    /// - Parameters:
    ///   - inputs: `[rows, 2 * hidden]`, each branch's rows together; embedding before feature.
    ///   - states: of the layers that the head reads, `[rows, layers * hidden]`; `nil` where there are none.
    ///   - steps: how many rows each branch has, 1 or more.
    ///   - state: where the branches stand.
    /// - Returns: `[rows, hidden]` in the same order, and where the branches stand now.
    func fuse(
        _ inputs: Tensor, states: Tensor? = nil, steps: [Int], from state: State, on pool: ThreadPool
    ) -> (rows: Tensor, state: State) {
        var fused = fuse(inputs, steps: steps, from: state, on: pool)
        if let states {
            guard let auxiliary else { preconditionFailure("layers' states for a head that reads none") }
            fused.rows.add(auxiliary.multiply(states, on: pool), on: pool)
        }
        return fused
    }

    private func fuse(
        _ inputs: Tensor, steps: [Int], from state: State, on pool: ThreadPool
    ) -> (rows: Tensor, state: State) {
        switch form {
        case .linear(let matrix, let bias):
            return (matrix.multiply(inputs, bias: bias, on: pool), state)
        case .gated(let layers):
            let rows = layers.reduce(inputs) { rows, layer in
                Tensor.gatedStep(gates: layer.input.multiply(rows, bias: layer.bias, on: pool))
            }
            return (rows, state)
        case .recurrent(let layers):
            var (rows, next) = (inputs, state)
            for (index, layer) in layers.enumerated() {
                rows = recur(rows, steps: steps, layer, state: &next.layers[index], on: pool)
            }
            return (rows, next)
        }
    }

    /// One LSTM layer over the rows of all branches at once, step by step; branches that have fewer steps than others
    /// drop out.
    private func recur(
        _ rows: Tensor, steps: [Int], _ layer: Recurrence, state: inout (hidden: Tensor, cell: Tensor),
        on pool: ThreadPool
    ) -> Tensor {
        let fromInput = layer.input.multiply(rows, bias: layer.bias, on: pool)
        var (starts, end): ([Int], Int) = ([], 0)
        for branch in steps {
            starts.append(end)
            end += branch
        }
        var outputs: [Tensor] = []
        // Where each row's output stands among these, one below the other.
        var places = [Int](repeating: 0, count: rows.rowCount)
        var count = 0
        for step in 0..<(steps.max() ?? 0) {
            let active = steps.indices.filter { steps[$0] > step }
            let areAll = active.count == steps.count
            var gates = layer.hidden.multiply(areAll ? state.hidden : state.hidden.rows(active), on: pool)
            gates.add(fromInput.rows(active.map { starts[$0] + step }))
            let stepped = Tensor.recurrentStep(gates: gates, cell: areAll ? state.cell : state.cell.rows(active))
            outputs.append(stepped.hidden)
            for (number, branch) in active.enumerated() { places[starts[branch] + step] = count + number }
            count += active.count
            guard !areAll else {
                state = stepped
                continue
            }
            // Those that dropped out stay where they are.
            var order = Array(steps.indices)
            for (number, branch) in active.enumerated() { order[branch] = steps.count + number }
            state = (
                Tensor.stacked([state.hidden, stepped.hidden]).rows(order),
                Tensor.stacked([state.cell, stepped.cell]).rows(order)
            )
        }
        let all = Tensor.stacked(outputs)
        return steps.count == 1 ? all : all.rows(places)
    }
}
