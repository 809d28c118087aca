import FalconAutograd
import FalconNN
import FalconTensor

/// Sums the gradients of slices along a binary tree: 0 and 1, 2 and 3, then those two sums, and so on.
///
/// The order depends on the number of slices alone. Whoever has only a branch of the tree ends with that branch's sum,
/// so that ranks add up what one process would have added, to the same bits. No more sums are kept than the tree is
/// high.
///
/// Where summands are rounded to bfloat16, all are, at every node of the tree, whether the two meet within a rank or
/// cross the network: so rounding knows nothing of ranks either. The whole sum stays float32.
struct GradientTree {
    private let parameters: ParameterCollection
    private let isRounded: Bool
    private let pool: ThreadPool
    /// Sums of whole branches that wait for their neighbour, the largest first.
    private var branches: [ParameterGradients] = []
    private var slice: ParameterGradients
    private var count = 0
    /// Whether the last slice is summed up with its last pass, and so is no branch yet.
    private var isOpen = false
    private var isFinished = false

    /// - Parameter isRounded: whether each summand is rounded to bfloat16.
    init(_ parameters: ParameterCollection, isRounded: Bool = false, pool: ThreadPool = ThreadPool(threadCount: 1)) {
        (self.parameters, self.isRounded, self.pool) = (parameters, isRounded, pool)
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
            var right = branches.removeLast()
            if isRounded {
                right.roundToBFloat16(on: pool)
                branches[branches.count - 1].roundToBFloat16(on: pool)
            }
            branches[branches.count - 1].add(right)
        }
    }

    /// Runs the last backward pass of the last slice; `give` gets each parameter's whole sum as soon as it is there.
    mutating func finish(
        with pass: BackwardPass, _ give: (_ gradient: Tensor, _ parameter: Int) -> Void
    ) {
        isOpen = true
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
        // The slice's passes are one summand; what the slices before left are all branches on the way to the root.
        var whole = gradient
        add(slice.take(index), to: &whole)
        for branch in branches.indices.reversed() {
            var part = branches[branch].take(index)
            if isRounded, isOpen || branch + 1 < branches.count {
                // Also where the other is missing: that is a sum with zeros.
                whole?.roundToBFloat16(on: pool)
                part?.roundToBFloat16(on: pool)
            }
            add(part, to: &whole)
        }
        return whole
    }

    /// Adds where `nil` is zeros. Into the part, of which there is no second owner: a tape still has its gradient.
    private func add(_ part: consuming Tensor?, to whole: inout Tensor?) {
        guard var sum = part else { return }
        part = nil
        if let whole { sum.add(whole) }
        whole = sum
    }
}
