/// A dense float32 array: contiguous, row-major, copy-on-write.
///
/// Copying a `Tensor` costs nothing until one of the copies is changed. Shapes are part of the contract of every
/// operation: a wrong shape is a programmer's error and traps with both shapes in the message, while shapes that
/// come from files are checked, and thrown about, by the module that reads the file.
package struct Tensor: Sendable {
    /// The size of each axis, outermost first. `[]` is a scalar.
    package private(set) var shape: [Int]
    var storage: TensorStorage

    /// A tensor whose memory is not set. Every caller in this module writes all of it before anyone reads.
    init(uninitialized shape: [Int]) {
        self.shape = shape
        storage = TensorStorage(uninitialized: Tensor.count(of: shape))
    }

    /// A tensor of zeros.
    package init(zeros shape: [Int]) { self.init(repeating: 0, shape) }

    /// A tensor with the same value everywhere.
    package init(repeating value: Float, _ shape: [Int]) {
        self.init(uninitialized: shape)
        unsafe storage.base.update(repeating: value, count: storage.count)
    }

    /// A tensor with the given values in row-major order; traps where their number does not fit the shape.
    package init(_ values: [Float], _ shape: [Int]) {
        precondition(
            values.count == Tensor.count(of: shape), "\(values.count) values do not fill the shape \(shape)")
        self.init(uninitialized: shape)
        unsafe values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe storage.base.update(from: start, count: source.count) }
        }
    }

    /// The number of values.
    package var count: Int { storage.count }

    /// The size of the last axis (1 for a scalar): the width of a row.
    package var width: Int { shape.last ?? 1 }

    /// The number of rows when all axes but the last are folded together.
    package var rowCount: Int { shape.dropLast().reduce(1, *) }

    /// The same values under another shape of the same size.
    package func reshaped(_ newShape: [Int]) -> Tensor {
        precondition(
            Tensor.count(of: newShape) == count, "cannot give a tensor of shape \(shape) the shape \(newShape)")
        var result = self
        result.shape = newShape
        return result
    }

    /// All values in row-major order.
    package var scalars: [Float] {
        unsafe [Float](UnsafeBufferPointer(start: storage.base, count: count))
    }

    /// The only value of a tensor that holds one.
    package var scalar: Float {
        precondition(count == 1, "a tensor of shape \(shape) is not a scalar")
        return unsafe storage.base[0]
    }

    /// One value, by an index for each axis.
    package subscript(_ indices: Int...) -> Float {
        get { unsafe storage.base[flatIndex(indices)] }
        set {
            let position = flatIndex(indices)
            makeUnique()
            unsafe storage.base[position] = newValue
        }
    }

    /// The values of one row (all axes but the last folded together).
    package func row(_ index: Int) -> [Float] {
        precondition((0..<rowCount).contains(index), "row \(index) of a tensor of shape \(shape)")
        return unsafe [Float](UnsafeBufferPointer(start: storage.base + index * width, count: width))
    }

    /// Gives this tensor memory of its own before a change, if it shares it.
    mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&storage) else { return }
        let copy = TensorStorage(uninitialized: storage.count)
        unsafe copy.base.update(from: storage.base, count: storage.count)
        storage = copy
    }

    /// The memory for reading. Valid while the tensor lives.
    var pointer: UnsafePointer<Float> { unsafe UnsafePointer(storage.base) }

    /// The memory for writing, made unique first.
    mutating func mutablePointer() -> UnsafeMutablePointer<Float> {
        makeUnique()
        return unsafe storage.base
    }

    static func count(of shape: [Int]) -> Int {
        var total = 1
        for size in shape {
            precondition(size >= 0, "a tensor cannot have the shape \(shape)")
            let (product, overflow) = total.multipliedReportingOverflow(by: size)
            precondition(!overflow, "a tensor of shape \(shape) is too large to count")
            total = product
        }
        return total
    }

    private func flatIndex(_ indices: [Int]) -> Int {
        precondition(indices.count == shape.count, "\(indices.count) indices into a tensor of shape \(shape)")
        var position = 0
        for (index, size) in zip(indices, shape) {
            precondition((0..<size).contains(index), "index \(indices) into a tensor of shape \(shape)")
            position = position * size + index
        }
        return position
    }
}

extension Tensor: Equatable {
    /// Same shape and equal values (so a tensor that holds a NaN is not equal to itself).
    package static func == (left: Tensor, right: Tensor) -> Bool {
        guard left.shape == right.shape else { return false }
        return (0..<left.count).allSatisfy { unsafe left.pointer[$0] == right.pointer[$0] }
    }
}
