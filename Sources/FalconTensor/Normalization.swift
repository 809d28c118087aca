internal import CFalconKernels

/// RMSNorm (Zhang and Sennrich, 2019) for training, and its adjoint.
extension Tensor {
    /// Scales each row to a root mean square of 1, then by a weight for each column.
    ///
    /// - Parameters:
    ///   - weight: `[width]`.
    ///   - epsilon: added to the mean square.
    /// - Returns: the normalised rows, of this tensor's shape, and what each was multiplied by, `[rows]`, for
    ///   `normalizationGradient`.
    package func normalized(
        weight: Tensor, epsilon: Float, on pool: ThreadPool
    ) -> (output: Tensor, inverse: Tensor) {
        precondition(weight.count == width, "a norm weight of shape \(weight.shape) for rows of shape \(shape)")
        let (rows, width) = (rowCount, width)
        let loops = unsafe TrainingLoops.best
        let (output, inverse) = (Tensor(uninitialized: shape), Tensor(uninitialized: [rows]))
        pool.runRows(rows, width: width) { _, range in
            for row in range {
                unsafe inverse.storage.base[row] = loops.rms_norm(
                    pointer + row * width, weight.pointer, epsilon, width, output.storage.base + row * width)
            }
        }
        return (output, inverse)
    }

    /// The adjoint of `normalized`, of which this tensor was the input.
    ///
    /// - Parameters:
    ///   - gradient: for the output, of its shape.
    ///   - inverse: what `normalized` returned.
    /// - Returns: the gradients for the input and the weight.
    package func normalizationGradient(
        _ gradient: Tensor, weight: Tensor, inverse: Tensor, on pool: ThreadPool
    ) -> (input: Tensor, weight: Tensor) {
        precondition(gradient.shape == shape, "a gradient of shape \(gradient.shape) for an output of shape \(shape)")
        let (rows, width) = (rowCount, width)
        let loops = unsafe TrainingLoops.best
        let inputGradient = Tensor(uninitialized: shape)
        // Each piece sums its own rows, and the pieces are added in order.
        let partial = Tensor(zeros: [ThreadPool.rowPieces(rows, width: width), width])
        pool.runRows(rows, width: width) { piece, range in
            for row in range {
                unsafe loops.rms_norm_adjoint(
                    gradient.pointer + row * width, pointer + row * width, weight.pointer,
                    inverse.storage.base[row], width, inputGradient.storage.base + row * width,
                    partial.storage.base + piece * width)
            }
        }
        return (inputGradient, partial.sumOfRows().reshaped(weight.shape))
    }
}
