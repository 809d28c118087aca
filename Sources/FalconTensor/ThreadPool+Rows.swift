extension ThreadPool {
    /// Calls `body` for consecutive ranges that together cover the rows of a tensor, several at once.
    ///
    /// How many rows a range has depends on the row's width alone: about 16,000 values, enough to be worth a thread's
    /// wake-up.
    package func runRows(_ rows: Int, width: Int, _ body: (_ piece: Int, _ rows: Range<Int>) -> Void) {
        let size = ThreadPool.rowsInPiece(width: width)
        run((rows + size - 1) / size) { piece in body(piece, piece * size..<min(rows, (piece + 1) * size)) }
    }

    /// The number of ranges into which `runRows` cuts so many rows.
    static func rowPieces(_ rows: Int, width: Int) -> Int {
        let size = rowsInPiece(width: width)
        return (rows + size - 1) / size
    }

    private static func rowsInPiece(width: Int) -> Int { max(1, 16_384 / max(1, width)) }
}
