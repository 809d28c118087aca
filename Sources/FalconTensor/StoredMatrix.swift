internal import CFalconKernels

/// A matrix of weights as it was stored: rows of one element type, either mapped from a file or held in a tensor.
///
/// Reading a row of a mapped matrix touches that row's pages only, so a vocabulary's embedding need never be
/// loaded as a whole.
package struct StoredMatrix: Sendable {
    /// Rows (outputs of a linear layer, or entries of a vocabulary).
    package let rows: Int
    /// Values of a row (inputs of a linear layer, or the hidden size).
    package let columns: Int
    package let type: ElementType
    private let source: Source

    private enum Source: Sendable {
        case file(MappedFile, offset: Int)
        case tensor(Tensor)
    }

    /// A matrix that lies in a file at `range`; traps where the range does not hold `rows * columns` values.
    package init(file: MappedFile, range: Range<Int>, type: ElementType, rows: Int, columns: Int) {
        precondition(
            range.count == rows * columns * type.size && range.lowerBound >= 0 && range.upperBound <= file.count,
            "\(range.count) bytes of \(file.path) do not hold \([rows, columns]) values of \(type)")
        self.rows = rows
        self.columns = columns
        self.type = type
        source = .file(file, offset: range.lowerBound)
    }

    /// A matrix in memory, `[rows, columns]`.
    package init(_ tensor: Tensor) {
        rows = tensor.rowCount
        columns = tensor.width
        type = .float32
        source = .tensor(tensor)
    }

    /// Some of the rows, left where they lie.
    package func rows(_ range: Range<Int>) -> StoredMatrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a matrix of \(rows) rows")
        switch source {
        case .tensor(let tensor): return StoredMatrix(tensor.reshaped([rows, columns]).rows(range))
        case .file(let file, let offset):
            let first = offset + range.lowerBound * columns * type.size
            return StoredMatrix(
                file: file, range: first..<first + range.count * columns * type.size, type: type, rows: range.count,
                columns: columns)
        }
    }

    /// All values as float32, `[rows, columns]`.
    package func tensor() -> Tensor {
        switch source {
        case .tensor(let tensor): tensor.reshaped([rows, columns])
        case .file(let file, let offset):
            Tensor(
                file: file, range: offset..<offset + rows * columns * type.size, as: type, [rows, columns])
        }
    }

    /// The rows with the given numbers, in this order: `[indices, columns]` float32.
    ///
    /// - Parameter releasesPages: whether a mapped matrix's memory is given back after a few rows each: around every
    ///   row that is read the system maps its neighbours too, which soon is all of a vocabulary.
    package func gather(_ indices: [Int32], releasesPages: Bool = false) -> Tensor {
        let result = Tensor(uninitialized: [indices.count, columns])
        for (position, index) in indices.enumerated() {
            precondition(index >= 0 && index < rows, "row \(index) of a matrix of \(rows) rows")
            unsafe widen(Int(index)..<Int(index) + 1, into: result.storage.base + position * columns)
            if releasesPages, position % 64 == 63 || position == indices.count - 1 { releasePages() }
        }
        return result
    }

    /// Copies some of the rows as float32, `[range.count, columns]`.
    func widen(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let bytes = unsafe start + range.lowerBound * columns * type.size
        let count = range.count * columns
        switch type {
        case .float32: unsafe UnsafeMutableRawPointer(target).copyMemory(from: bytes, byteCount: count * 4)
        case .float16: unsafe falcon_widen_float16(bytes, target, count)
        case .bfloat16: unsafe falcon_widen_bfloat16(bytes, target, count)
        }
    }

    /// Starts to read all values from the disk, where they are not in memory yet.
    func readAhead() {
        guard case .file(let file, let offset) = source else { return }
        file.readAhead(offset..<offset + rows * columns * type.size)
    }

    /// Gives back the memory of the mapped pages, after the values were copied elsewhere.
    package func releasePages() {
        guard case .file(let file, let offset) = source else { return }
        file.releasePages(offset..<offset + rows * columns * type.size)
    }

    /// The first stored byte. Valid while this value lives.
    var start: UnsafeRawPointer {
        switch source {
        case .tensor(let tensor): unsafe UnsafeRawPointer(tensor.pointer)
        case .file(let file, let offset): unsafe file.start + offset
        }
    }
}
