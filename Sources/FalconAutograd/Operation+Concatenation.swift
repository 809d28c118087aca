import FalconTensor

extension Tape {
    /// Two tensors side by side along the last axis: `[..., left.width + right.width]`.
    package mutating func concatenate(_ left: Variable, _ right: Variable) -> Variable {
        record(
            Tensor.joiningColumns(left.value, right.value),
            ConcatenationOperation(
                leftWidth: left.value.width, leftNeedsGradient: left.needsGradient,
                rightNeedsGradient: right.needsGradient),
            inputs: [left, right])
    }
}

struct ConcatenationOperation: Operation {
    let leftWidth: Int
    let leftNeedsGradient: Bool
    let rightNeedsGradient: Bool

    func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
        [
            leftNeedsGradient ? gradient.columns(0..<leftWidth) : nil,
            rightNeedsGradient ? gradient.columns(leftWidth..<gradient.width) : nil,
        ]
    }
}
