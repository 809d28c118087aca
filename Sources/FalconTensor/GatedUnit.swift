internal import CFalconKernels

/// The gated linear unit of Llama's feed-forward layers (SwiGLU: Shazeer, 2020) for training, and its adjoint.
extension Tensor {
    /// `silu(gate) * up`, value by value; both of one shape.
    package static func gatedUnit(_ gate: Tensor, _ up: Tensor, on pool: ThreadPool) -> Tensor {
        precondition(gate.shape == up.shape, "a gate of shape \(gate.shape) for values of shape \(up.shape)")
        let loops = unsafe TrainingLoops.best
        let (width, output) = (gate.width, Tensor(uninitialized: gate.shape))
        pool.runRows(gate.rowCount, width: width) { _, rows in
            let start = rows.lowerBound * width
            unsafe loops.gated_unit(
                gate.pointer + start, up.pointer + start, rows.count * width, output.storage.base + start)
        }
        return output
    }

    /// The adjoint of `gatedUnit`: the gradients for the gate and for the values.
    package static func gatedUnitGradient(
        _ gradient: Tensor, gate: Tensor, up: Tensor, on pool: ThreadPool
    ) -> (gate: Tensor, up: Tensor) {
        precondition(
            gradient.shape == gate.shape, "a gradient of shape \(gradient.shape) for an output of shape \(gate.shape)")
        let loops = unsafe TrainingLoops.best
        let width = gate.width
        let (gateGradient, upGradient) = (Tensor(uninitialized: gate.shape), Tensor(uninitialized: gate.shape))
        pool.runRows(gate.rowCount, width: width) { _, rows in
            let start = rows.lowerBound * width
            unsafe loops.gated_unit_adjoint(
                gradient.pointer + start, gate.pointer + start, up.pointer + start, rows.count * width,
                gateGradient.storage.base + start, upGradient.storage.base + start)
        }
        return (gateGradient, upGradient)
    }
}
