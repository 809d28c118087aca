import FalconTensor

/// How the chunks of a dataset lie over its first two axes; further axes are never cut.
///
/// Chunks are numbered row by row:
///
///     0 1 2
///     3 4 5
struct HDF5ChunkGrid: Equatable {
    /// Rows of a chunk, and elements of each row in it, further axes included.
    let rows, columns: Int
    /// Chunks behind each other and beside each other.
    let down, across: Int
    /// Elements of a whole row.
    let width: Int

    /// - Parameters:
    ///   - shape: of the dataset, one axis at least.
    ///   - chunk: of a chunk, as many axes; all sizes above 0.
    /// - Returns: `nil` where an axis behind the second one is cut.
    init?(shape: [Int], chunk: [Int]) {
        guard shape.dropFirst(2).elementsEqual(chunk.dropFirst(2)) else { return nil }
        let inner = shape.dropFirst(2).reduce(1, *)
        rows = chunk[0]
        down = shape[0] == 0 ? 0 : (shape[0] - 1) / chunk[0] + 1
        (width, columns) = shape.count > 1 ? (shape[1] * inner, chunk[1] * inner) : (1, 1)
        across = shape.count > 1 ? max(1, (shape[1] + chunk[1] - 1) / chunk[1]) : 1
    }

    /// Whether a chunk is nothing but whole rows.
    var isWholeRows: Bool { across == 1 && columns == width }

    /// The number of the chunk at a place; `nil` where it lies outside.
    func number(row: Int, column: Int) -> Int? {
        (0..<down).contains(row) && (0..<across).contains(column) ? row * across + column : nil
    }

    /// Copies what a row of chunks holds of some rows.
    ///
    /// - Parameters:
    ///   - decoded: the chunks of one row of the grid, from left to right.
    ///   - rows: within those of a chunk.
    ///   - size: bytes of an element.
    func gather(_ decoded: ArraySlice<[UInt8]>, rows part: Range<Int>, size: Int, into result: inout [UInt8]) {
        for row in part {
            for (column, chunk) in decoded.enumerated() {
                let count = min(columns, width - column * columns)
                let start = row * columns * size
                result.append(contentsOf: chunk[start..<start + count * size])
            }
        }
    }
}
