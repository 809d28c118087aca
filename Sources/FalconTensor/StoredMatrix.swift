internal import CFalconKernels

/// Where the rows of a stored matrix lie.
package enum RowOrder: Sendable, Equatable {
    case asStored
    /// Heads of `size` rows, in each of which row i of the first half lies beside row i of the second: what GGUF
    /// files of Llama's architecture do to queries and keys, so that rotary pairs are neighbours.
    case pairedHeads(size: Int)
    /// The first `rows` rows are heads of `size`, of which only the first `rotated` dimensions are turned, in halves:
    /// read so that row i and row i + size / 2 are a pair, turned ones first, as where all of a head is turned.
    case partlyRotated(size: Int, rotated: Int, rows: Int)

    /// The place of a row among those stored.
    func place(_ row: Int) -> Int {
        switch self {
        case .asStored: return row
        case .pairedHeads(let size):
            let (head, inside) = (row / size * size, row % size)
            return head + (inside < size / 2 ? 2 * inside : 2 * inside - size + 1)
        case .partlyRotated(let size, let rotated, let rows):
            guard row < rows else { return row }
            let (head, inside) = (row / size * size, row % size)
            let (isSecond, pair) = (inside >= size / 2, inside % (size / 2))
            guard pair >= rotated / 2 else { return head + pair + (isSecond ? rotated / 2 : 0) }
            return head + pair + (isSecond ? size / 2 : rotated / 2)
        }
    }
}

/// A matrix of weights as it was stored: rows of one element type or of quantised blocks, either mapped from a file or
/// held in a tensor.
///
/// Reading a row of a mapped matrix touches that row's pages only, so a vocabulary's embedding need never be
/// loaded as a whole.
package struct StoredMatrix: Sendable {
    /// Rows (outputs of a linear layer, or entries of a vocabulary).
    package let rows: Int
    /// Values of a row (inputs of a linear layer, or the hidden size).
    package let columns: Int
    /// Of the values; of blocks what they stand for, float32.
    package let type: ElementType
    /// How a row is written where that is in blocks.
    package let blocks: BlockType?
    /// Where the rows lie.
    package let rowOrder: RowOrder
    private let source: Source
    /// Which of the rows these are, where they are no range.
    private let selection: [Int32]?

    private enum Source: Sendable {
        /// The place of the stored row number 0, and the number of this matrix's first row.
        case file(MappedFile, offset: Int, first: Int)
        case tensor(Tensor)
    }

    /// A matrix that lies in a file at `range`; traps where the range does not hold `rows * columns` values.
    package init(
        file: MappedFile, range: Range<Int>, type: ElementType, rows: Int, columns: Int, rowOrder: RowOrder = .asStored
    ) {
        self.init(file, range, type, nil, rows: rows, columns: columns, rowOrder)
    }

    /// A matrix that lies in a file as blocks; traps where the range does not hold `rows` of whole blocks.
    package init(
        file: MappedFile, range: Range<Int>, blocks: BlockType, rows: Int, columns: Int, rowOrder: RowOrder = .asStored
    ) {
        precondition(columns.isMultiple(of: blocks.valueCount), "rows of \(columns) values in \(blocks.name)")
        self.init(file, range, .float32, blocks, rows: rows, columns: columns, rowOrder)
    }

    private init(
        _ file: MappedFile, _ range: Range<Int>, _ type: ElementType, _ blocks: BlockType?, rows: Int, columns: Int,
        _ rowOrder: RowOrder
    ) {
        (self.rows, self.columns, self.type, self.blocks, self.rowOrder) = (rows, columns, type, blocks, rowOrder)
        source = .file(file, offset: range.lowerBound, first: 0)
        selection = nil
        precondition(
            range.count == rows * rowBytes && range.lowerBound >= 0 && range.upperBound <= file.count,
            "\(range.count) bytes of \(file.path) do not hold \([rows, columns]) of \(blocks?.name ?? "\(type)")")
        if case .pairedHeads(let size) = rowOrder {
            precondition(
                size > 0 && size.isMultiple(of: 2) && rows.isMultiple(of: size), "\(rows) rows, heads of \(size)")
        }
        if case .partlyRotated(let size, let rotated, let turned) = rowOrder {
            precondition(
                size > 0 && size.isMultiple(of: 2) && rotated.isMultiple(of: 2) && rotated <= size
                    && turned.isMultiple(of: size) && turned <= rows,
                "\(turned) of \(rows) rows, heads of \(size), \(rotated) of them turned")
        }
    }

    /// A matrix in memory, `[rows, columns]`.
    package init(_ tensor: Tensor) {
        rows = tensor.rowCount
        columns = tensor.width
        type = .float32
        (blocks, rowOrder, selection) = (nil, .asStored, nil)
        source = .tensor(tensor)
    }

    private init(_ whole: StoredMatrix, rows: Int, _ source: Source, selection: [Int32]? = nil) {
        (columns, type, blocks, rowOrder) = (whole.columns, whole.type, whole.blocks, whole.rowOrder)
        (self.rows, self.source, self.selection) = (rows, source, selection)
    }

    /// Whether each row lies behind the one before it.
    var liesTogether: Bool { rowOrder == .asStored && selection == nil }

    /// Bytes of a stored row.
    package var rowBytes: Int {
        blocks.map { columns / $0.valueCount * $0.byteCount } ?? columns * type.size
    }

    /// Some of the rows, left where they lie.
    package func rows(_ range: Range<Int>) -> StoredMatrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a matrix of \(rows) rows")
        switch source {
        case .tensor(let tensor): return StoredMatrix(tensor.reshaped([rows, columns]).rows(range))
        case .file(let file, let offset, let first):
            if let selection {
                return StoredMatrix(self, rows: range.count, source, selection: Array(selection[range]))
            }
            return StoredMatrix(
                self, rows: range.count, .file(file, offset: offset, first: first + range.lowerBound))
        }
    }

    /// The rows with the given numbers, in this order, left where they lie; those of a tensor are copied.
    package func rows(_ numbers: [Int32]) -> StoredMatrix {
        for number in numbers {
            precondition(number >= 0 && number < rows, "row \(number) of a matrix of \(rows) rows")
        }
        guard case .file = source else { return StoredMatrix(gather(numbers)) }
        let chosen = selection.map { old in numbers.map { old[Int($0)] } } ?? numbers
        return StoredMatrix(self, rows: numbers.count, source, selection: chosen)
    }

    /// All values as float32, `[rows, columns]`.
    package func tensor() -> Tensor {
        if case .tensor(let tensor) = source { return tensor.reshaped([rows, columns]) }
        let result = Tensor(uninitialized: [rows, columns])
        unsafe widen(0..<rows, into: result.storage.base)
        return result
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
        guard liesTogether else {
            for (number, row) in range.enumerated() {
                unsafe widen(from: start(ofRow: row), rows: 1, into: target + number * columns)
            }
            return
        }
        guard !range.isEmpty else { return }
        unsafe widen(from: start(ofRow: range.lowerBound), rows: range.count, into: target)
    }

    private func widen(from bytes: UnsafeRawPointer, rows: Int, into target: UnsafeMutablePointer<Float>) {
        let count = rows * columns
        if let blocks {
            unsafe falcon_dequantize(Int32(blocks.rawValue), bytes, target, count / blocks.valueCount)
            return
        }
        switch type {
        case .float32: unsafe UnsafeMutableRawPointer(target).copyMemory(from: bytes, byteCount: count * 4)
        case .float16: unsafe falcon_widen_float16(bytes, target, count)
        case .bfloat16: unsafe falcon_widen_bfloat16(bytes, target, count)
        }
    }

    /// Starts to read all values from the disk, where they are not in memory yet.
    func readAhead() {
        guard case .file(let file, _, _) = source else { return }
        file.readAhead(storedRange)
    }

    /// Gives back the memory of the mapped pages, after the values were copied elsewhere.
    package func releasePages() {
        guard case .file(let file, _, _) = source else { return }
        file.releasePages(storedRange)
    }

    /// About where the rows lie: where heads are paired, part of a head may lie beside it.
    private var storedRange: Range<Int> {
        guard case .file(_, let offset, let first) = source, rows > 0 else { return 0..<0 }
        if let selection, let least = selection.min(), let most = selection.max() {
            return offset + (first + Int(least)) * rowBytes..<offset + (first + Int(most) + 1) * rowBytes
        }
        return offset + first * rowBytes..<offset + (first + rows) * rowBytes
    }

    /// The first stored byte of a row. Valid while this value lives.
    func start(ofRow row: Int) -> UnsafeRawPointer {
        switch source {
        case .tensor(let tensor): unsafe UnsafeRawPointer(tensor.pointer) + row * rowBytes
        case .file(let file, let offset, let first):
            unsafe file.start + offset
                + rowOrder.place(first + (selection.map { Int($0[row]) } ?? row)) * rowBytes
        }
    }
}
