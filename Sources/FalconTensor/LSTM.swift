internal import CFalconKernels

/// One layer of an LSTM over time: `c = f * c' + i * g`, `h = o * tanh(c)`, gates in PyTorch's order i, f, g, o.
///
/// The part of the gates that comes from the input is a plain product for all positions at once and is passed in; here
/// is what must go position by position. A step's product has as few rows as the batch, so its cost is reading the
/// recurrent weight: that is laid out once for the sequence in the order in which the steps read it. The weight's own
/// gradient is one large product after the last step.
package enum LSTM {
    /// Hidden and cell values, `[batch, hidden]` each.
    package struct State: Sendable {
        package let hidden: Tensor
        package let cell: Tensor

        package init(hidden: Tensor, cell: Tensor) {
            precondition(hidden.shape == cell.shape, "hidden of shape \(hidden.shape), cell of shape \(cell.shape)")
            (self.hidden, self.cell) = (hidden, cell)
        }
    }

    /// A forward pass: its result and what the backward pass reads.
    package struct Steps: Sendable {
        /// `[batch, time, hidden]`: the layer's output.
        package let hidden: Tensor
        /// `[batch, time, hidden]`.
        package let cells: Tensor
        /// `[batch, time, 4 * hidden]`, after activation.
        package let gates: Tensor
        package let initial: State?
    }

    /// - Parameters:
    ///   - projected: `[batch, time, 4 * hidden]`: input times W_ih transposed, plus both biases.
    ///   - hiddenWeight: W_hh, `[4 * hidden, hidden]`.
    ///   - initial: the state before the first position; zero if `nil`.
    ///   - precision: of the products with W_hh; in bfloat16 a step reads half as much.
    package static func forward(
        projected: Tensor, hiddenWeight: Tensor, initial: State? = nil, precision: ProductPrecision = .float32,
        on pool: ThreadPool
    ) -> Steps {
        let (batch, time, size) = shape(projected, hiddenWeight, initial)
        var gates = projected
        var cells = Tensor(uninitialized: [batch, time, size])
        var hidden = Tensor(uninitialized: [batch, time, size])
        let (g, c, h) = unsafe (gates.mutablePointer(), cells.mutablePointer(), hidden.mutablePointer())
        let panels = RecurrentPanels(hiddenWeight, adjoint: false, precision: precision, on: pool)
        let rounded = RoundedStates(initial?.hidden, batch: batch, width: size, precision: precision)
        let loops = unsafe TrainingLoops.best
        panels.forEachStep(time, batch: batch, on: pool) { position, row, rows, firstPanel, panelCount in
            let before = (row * time + position - 1) * size
            let atStart = position == 0
            let (startHidden, startCell) = unsafe (
                initial.map { unsafe $0.hidden.pointer + row * size },
                initial.map { unsafe $0.cell.pointer + row * size }
            )
            var step = unsafe falcon_lstm_step(
                hidden_size: size, rows: rows, gate_stride: time * 4 * size, state_stride: time * size,
                previous_stride: atStart ? size : time * size,
                previous_hidden: atStart ? startHidden : UnsafePointer(h + before),
                previous_cell: atStart ? startCell : UnsafePointer(c + before),
                gates: g + (row * time + position) * 4 * size, cell: c + before + size, hidden: h + before + size,
                previous_rounded: atStart && initial == nil ? nil : rounded.at(position - 1, row: row),
                rounded: rounded.at(position, row: row), rounded_stride: rounded.stride)
            unsafe loops.lstm_step(&step, panels.isPaired, panels.storage.base, firstPanel, panelCount)
        }
        return Steps(hidden: hidden, cells: cells, gates: gates, initial: initial)
    }

    /// - Parameters:
    ///   - gradient: the loss's derivative with respect to `steps.hidden`, of its shape.
    ///   - steps: what `forward` returned.
    /// - Returns: the gradients with respect to `projected` and `hiddenWeight`. The initial state is a constant.
    package static func adjoint(
        _ gradient: Tensor, steps: Steps, hiddenWeight: Tensor, precision: ProductPrecision = .float32,
        on pool: ThreadPool
    ) -> (projected: Tensor, hiddenWeight: Tensor) {
        let (batch, time, size) = shape(steps.gates, hiddenWeight, steps.initial)
        precondition(
            gradient.shape == [batch, time, size],
            "a gradient of shape \(gradient.shape) for an LSTM of shape \([batch, time, size])")
        var gateGradient = Tensor(uninitialized: steps.gates.shape)
        var cellGradient = Tensor(zeros: [batch, size])
        let (slopes, carried) = unsafe (gateGradient.mutablePointer(), cellGradient.mutablePointer())
        let (g, c, upstream) = unsafe (steps.gates.pointer, steps.cells.pointer, gradient.pointer)
        let panels = RecurrentPanels(hiddenWeight, adjoint: true, precision: precision, on: pool)
        let rounded = RoundedStates(nil, batch: batch, width: 4 * size, precision: precision)
        let loops = unsafe TrainingLoops.best
        panels.forEachStep(time, batch: batch, on: pool) { turn, row, rows, firstPanel, panelCount in
            let position = time - 1 - turn
            let at = (row * time + position) * size
            let startCell = unsafe steps.initial.map { unsafe $0.cell.pointer + row * size }
            var step = unsafe falcon_lstm_step_adjoint(
                hidden_size: size, rows: rows, gate_stride: time * 4 * size, state_stride: time * size,
                previous_stride: position == 0 ? size : time * size,
                next_gate_gradients: turn == 0 ? nil : UnsafePointer(slopes + (at + size) * 4),
                previous_cell: position == 0 ? startCell : c + at - size,
                gates: g + at * 4, cell: c + at, hidden_gradient: upstream + at,
                cell_gradient: carried + row * size, gate_gradients: slopes + at * 4,
                next_rounded: turn == 0 ? nil : rounded.at(turn - 1, row: row), rounded: rounded.at(turn, row: row),
                rounded_stride: rounded.stride)
            unsafe loops.lstm_step_adjoint(&step, panels.isPaired, panels.storage.base, firstPanel, panelCount)
        }
        return (gateGradient, weightGradient(gateGradient, steps, precision, on: pool))
    }

    /// Sum over rows and positions of (gate gradient) x (hidden value one position before): `[4 * hidden, hidden]`.
    private static func weightGradient(
        _ gateGradient: Tensor, _ steps: Steps, _ precision: ProductPrecision, on pool: ThreadPool
    ) -> Tensor {
        let (batch, time, size) = (steps.hidden.shape[0], steps.hidden.shape[1], steps.hidden.shape[2])
        var result = time > 1 ? Tensor(uninitialized: [4 * size, size]) : Tensor(zeros: [4 * size, size])
        let target = unsafe result.mutablePointer()
        let (slopes, hidden) = unsafe (gateGradient.pointer, steps.hidden.pointer)
        for row in 0..<batch {
            let start = row * time * size
            // The hidden values lie one position before the gates they went into: no copy, only an offset.
            if time > 1 {
                unsafe pool.product(
                    rows: 4 * size, columns: size, depth: time - 1,
                    a: slopes + (start + size) * 4, stride: 4 * size, transposed: true,
                    b: hidden + start, stride: size, transposed: false,
                    beta: row == 0 ? 0 : 1, c: target, stride: size, precision: precision)
            }
            if let initial = steps.initial {
                unsafe pool.product(
                    rows: 4 * size, columns: size, depth: 1,
                    a: slopes + start * 4, stride: 4 * size, transposed: true,
                    b: initial.hidden.pointer + row * size, stride: size, transposed: false,
                    beta: 1, c: target, stride: size, precision: precision)
            }
        }
        return result
    }

    private static func shape(
        _ gates: Tensor, _ hiddenWeight: Tensor, _ initial: State?
    ) -> (batch: Int, time: Int, size: Int) {
        let size = hiddenWeight.width
        precondition(
            hiddenWeight.shape == [4 * size, size] && gates.shape.count == 3 && gates.width == 4 * size && size > 0,
            "an LSTM with a recurrent weight of shape \(hiddenWeight.shape) cannot take gates of shape \(gates.shape)")
        let (batch, time) = (gates.shape[0], gates.shape[1])
        if let initial {
            precondition(
                initial.hidden.shape == [batch, size],
                "an initial state of shape \(initial.hidden.shape), expected \([batch, size])")
        }
        return (batch, time, size)
    }
}

/// A recurrent weight in the order in which a step reads it, and the way its steps are shared among threads.
private struct RecurrentPanels {
    let storage: TensorStorage
    let count: Int
    /// 1 where words hold pairs of bfloat16 values.
    let isPaired: Int32
    private var byteCount: Int { storage.count * MemoryLayout<Float>.stride }

    init(_ weight: Tensor, adjoint: Bool, precision: ProductPrecision, on pool: ThreadPool) {
        let loops = unsafe TrainingLoops.best
        let size = weight.width
        let direction: Int32 = adjoint ? 1 : 0
        let isPaired: Int32 = precision == .bfloat16 ? 1 : 0
        let panelSize = unsafe loops.lstm_panel_size(size, direction, isPaired)
        self.isPaired = isPaired
        count = unsafe loops.lstm_panel_count(size, direction)
        storage = TensorStorage(uninitialized: count * panelSize)
        let (source, target) = unsafe (weight.pointer, storage.base)
        pool.run(count) { panel in
            unsafe loops.lstm_pack(source, size, direction, isPaired, panel, target + panel * panelSize)
        }
    }

    /// Calls `body(step, firstRow, rows, firstPanel, panelCount)` so that every step is done for all rows and panels
    /// before one that needs it.
    ///
    /// A weight that fits a core's own cache is read by every core for rows of its own, without waiting for others;
    /// a larger one is cut into runs of panels, and the cores meet after each step.
    func forEachStep(_ steps: Int, batch: Int, on pool: ThreadPool, _ body: (Int, Int, Int, Int, Int) -> Void) {
        let pieceBytes = 1 << 20
        if byteCount <= pieceBytes {
            let rows = max(1, min(4, batch / 2))
            pool.run((batch + rows - 1) / rows) { piece in
                for step in 0..<steps { body(step, piece * rows, min(rows, batch - piece * rows), 0, count) }
            }
        } else {
            let panels = max(1, count * pieceBytes / byteCount)
            for step in 0..<steps {
                pool.run((count + panels - 1) / panels) { piece in
                    body(step, 0, batch, piece * panels, min(panels, count - piece * panels))
                }
            }
        }
    }
}

/// What a step hands to the next one rounded to bfloat16: two sets of rows alternately, empty in float32.
private struct RoundedStates {
    /// Values from one row to the next: even, so that pairs do not cross rows.
    let stride: Int
    private let batch: Int
    private let storage: TensorStorage?

    /// - Parameter initial: the rows before the first step, `[batch, width]`.
    init(_ initial: Tensor?, batch: Int, width: Int, precision: ProductPrecision) {
        stride = (width + 31) / 32 * 32
        self.batch = batch
        guard precision == .bfloat16 else {
            storage = nil
            return
        }
        let storage = TensorStorage(uninitialized: batch * stride)
        unsafe storage.base.update(repeating: 0, count: storage.count)
        self.storage = storage
        guard let initial else { return }
        for row in 0..<batch {
            guard let target = unsafe at(-1, row: row) else { break }
            unsafe falcon_narrow_bfloat16(initial.pointer + row * width, target, width)
        }
    }

    /// The row that step `step` leaves.
    func at(_ step: Int, row: Int) -> UnsafeMutablePointer<UInt16>? {
        guard let storage else { return nil }
        let halves = unsafe UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt16.self)
        return unsafe halves + ((step & 1) * batch + row) * stride
    }
}
