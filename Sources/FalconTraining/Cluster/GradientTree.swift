import FalconAutograd
import FalconNN
import FalconTensor

/// Sums the gradients of slices along a binary tree: 0 and 1, 2 and 3, then those two sums, and so on.
///
/// The order depends on the number of slices alone. Whoever has only a branch of the tree ends with that branch's sum,
/// so that ranks add up what one process would have added, to the same bits. No more sums are kept than the tree is
/// high.
struct GradientTree {
    private let parameters: ParameterCollection
    /// Sums of whole branches that wait for their neighbour, the largest first.
    private var branches: [ParameterGradients] = []
    private var slice: ParameterGradients
    private var count = 0
    private var isFinished = false

    init(_ parameters: ParameterCollection) {
        self.parameters = parameters
        slice = ParameterGradients(noneFor: parameters)
    }

    /// Begins the next slice.
    mutating func beginSlice() { slice = ParameterGradients(noneFor: parameters) }

    /// Runs a backward pass of the slice.
    mutating func add(_ pass: BackwardPass) { slice.add(pass) }

    /// Ends the slice: what is now as large as its neighbour becomes one branch with it.
    mutating func endSlice() {
        guard !isFinished else { return }
        count += 1
        branches.append(slice)
        slice = ParameterGradients(noneFor: parameters)
        for _ in 0..<count.trailingZeroBitCount {
            let right = branches.removeLast()
            branches[branches.count - 1].add(right)
        }
    }

    /// Runs the last backward pass of the last slice; `give` gets each parameter's whole sum as soon as it is there.
    mutating func finish(
        with pass: BackwardPass, _ give: (_ gradient: Tensor, _ parameter: Int) -> Void
    ) {
        // What the slices before left are all branches on the way from this one to the root.
        branches.append(slice)
        slice = ParameterGradients(noneFor: parameters)
        let places = parameters.trainableIndices
        pass.run { owner, gradient in
            guard let index = places[owner] else { return }
            if let whole = sum(gradient, index) { give(whole, index) }
        }
        finish(give)
    }

    /// Gives the sums of all parameters whose sums were not given yet, those of the last ones first.
    mutating func finish(_ give: (_ gradient: Tensor, _ parameter: Int) -> Void) {
        guard !isFinished else { return }
        isFinished = true
        for index in parameters.trainable.indices.reversed() {
            if let whole = sum(nil, index) { give(whole, index) }
        }
        branches = []
    }

    /// - Parameter gradient: of the last pass; `nil`: zeros.
    private mutating func sum(_ gradient: Tensor?, _ index: Int) -> Tensor? {
        var whole = gradient
        for branch in branches.indices.reversed() {
            guard let part = branches[branch].take(index) else { continue }
            if var sum = whole.take() {
                sum.add(part)
                whole = sum
            } else {
                whole = part
            }
        }
        return whole
    }
}
