internal import CFalconKernels

/// Outputs of a packed matrix that lie in panels of one form.
@safe struct PackedPanels: @unchecked Sendable {
    let form: PanelForm
    /// Which outputs of the matrix.
    let columns: Range<Int>
    let depth: Int
    /// Bytes of the packed weights.
    let byteCount: Int
    fileprivate let storage: PanelStorage
    fileprivate let panelCount: Int

    /// Packs matrices of the same width, one below the other.
    init(_ parts: [StoredMatrix], form: PanelForm, firstColumn: Int, on pool: ThreadPool) {
        let depth = parts[0].columns
        let count = parts.reduce(0) { $0 + $1.rows }
        (self.form, self.depth, columns) = (form, depth, firstColumn..<firstColumn + count)
        let width = Int(FALCON_PANEL)
        let panelCount = (count + width - 1) / width
        let panelBytes = falcon_panel_bytes(form.code, depth)
        byteCount = max(64, panelCount * panelBytes)
        let storage = PanelStorage(byteCount: byteCount)
        (self.storage, self.panelCount) = (storage, panelCount)

        // Parts are read where they lie if the form takes their type, and all have the same; else some rows at a time
        // are widened first.
        let isRead = parts.allSatisfy { form.reads($0) && $0.type == parts[0].type }
        let kernelCode = (isRead ? parts[0].type : .float32).kernelCode
        let group = 8
        pool.run((panelCount + group - 1) / group) { piece in
            let first = piece * group
            let range = first * width..<min(count, (first + group) * width)
            let scratch = TensorStorage(uninitialized: isRead ? 0 : range.count * depth)
            var rows: [UnsafeRawPointer?] = unsafe []
            for (part, row) in PackedPanels.places(of: range, in: parts) {
                guard !isRead else {
                    unsafe rows.append(part.start(ofRow: row))
                    continue
                }
                let place = unsafe scratch.base + rows.count * depth
                unsafe part.widen(row..<row + 1, into: place)
                unsafe rows.append(UnsafeRawPointer(place))
            }
            unsafe rows.withUnsafeBufferPointer { rows in
                unsafe falcon_pack_panels(
                    falcon_products(), form.code, rows.baseAddress!, range.count, depth, kernelCode, 0,
                    min(group, panelCount - first), storage.base + first * panelBytes)
            }
            withExtendedLifetime(scratch) {}
        }
        withExtendedLifetime(parts) {}
    }

    /// The part and its row that each of some outputs belongs to.
    private static func places(
        of columns: Range<Int>, in parts: [StoredMatrix]
    ) -> [(part: StoredMatrix, row: Int)] {
        var places: [(part: StoredMatrix, row: Int)] = []
        places.reserveCapacity(columns.count)
        var start = 0
        for part in parts {
            for column in columns.clamped(to: start..<start + part.rows) { places.append((part, column - start)) }
            start += part.rows
        }
        return places
    }
}

/// Rows of a product, rounded and interleaved as a form takes them.
@safe struct PackedRows: @unchecked Sendable {
    let form: PanelForm
    fileprivate let count: Int
    fileprivate let blocks: Int
    fileprivate let storage: TensorStorage

    /// - Parameter x: `[rows, depth]`, at least one row.
    init(_ x: Tensor, for form: PanelForm, on pool: ThreadPool) {
        let kernels = unsafe falcon_products()!
        let (rows, depth, code) = (x.rowCount, x.width, form.code)
        let blocks = unsafe falcon_row_blocks(kernels, code, rows)
        let storage = TensorStorage(uninitialized: unsafe rows * falcon_row_bytes(kernels, code, depth) / 4)
        (self.form, count, self.blocks, self.storage) = (form, rows, blocks, storage)
        // Below some 2^15 values, waking a thread costs more than it gives.
        let together = max(1, (1 << 15) / max(1, form.blockRows * depth))
        pool.run((blocks + together - 1) / together) { piece in
            let first = piece * together
            unsafe falcon_pack_rows(
                falcon_products(), code, x.pointer, rows, depth, first, min(together, blocks - first), storage.base)
        }
        withExtendedLifetime(x) {}
    }
}

/// One product of rows by panels, cut into pieces for threads.
///
/// It points into its operands without holding them, for it is copied for every piece, and a pass over a small model is
/// thousands of pieces: whoever makes it keeps the panels, the rows, the bias and the result alive while it is used.
@unsafe struct PackedProduct: @unchecked Sendable {
    private let product: falcon_product
    private let cut: WorkCut

    /// - Parameters:
    ///   - bias: of all columns of the matrix.
    ///   - result: `[rows, columns]` of the whole matrix; only the panels' outputs are written.
    init(_ panels: PackedPanels, _ rows: PackedRows, bias: Tensor?, into result: Tensor) {
        let first = panels.columns.lowerBound
        unsafe product = falcon_product(
            form: panels.form.code, rows: rows.count, depth: panels.depth, columns: panels.columns.count,
            packed_rows: rows.storage.base, panels: panels.storage.base, bias: bias.map { unsafe $0.pointer + first },
            out: result.storage.base + first, stride: result.width)
        unsafe cut = WorkCut(
            panels: panels.panelCount, together: panels.form.tilePanels, blocks: rows.blocks,
            multiplications: rows.count * panels.depth * panels.columns.count)
    }

    /// For outputs that nobody keeps, which `multiply(piece:into:)` puts elsewhere.
    init(_ panels: PackedPanels, _ rows: PackedRows, scratch: TensorStorage) {
        unsafe product = falcon_product(
            form: panels.form.code, rows: rows.count, depth: panels.depth, columns: panels.columns.count,
            packed_rows: rows.storage.base, panels: panels.storage.base, bias: nil, out: scratch.base, stride: 0)
        unsafe cut = WorkCut(
            panels: panels.panelCount, together: panels.form.tilePanels, blocks: rows.blocks,
            multiplications: rows.count * panels.depth * panels.columns.count)
    }

    var pieceCount: Int { unsafe cut.count }

    func multiply(piece: Int) {
        let (taken, blocks) = unsafe cut.piece(piece)
        unsafe withUnsafePointer(to: product) {
            unsafe falcon_multiply_panels(
                falcon_products(), $0, taken.lowerBound, taken.count, blocks.lowerBound, blocks.count)
        }
    }

    /// Which outputs a piece computes: rows of the product, and columns of its panels.
    func outputs(ofPiece piece: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        let (panels, blocks) = unsafe cut.piece(piece)
        let (rows, columns, count) = unsafe (product.rows, product.columns, cut.blocks)
        let width = Int(FALCON_PANEL)
        return (
            rows * blocks.lowerBound / count..<rows * blocks.upperBound / count,
            panels.lowerBound * width..<min(columns, panels.upperBound * width)
        )
    }

    /// A piece's outputs, one row behind the other.
    ///
    /// - Parameter place: room for them.
    func multiply(piece: Int, into place: UnsafeMutablePointer<Float>) {
        let (panels, blocks) = unsafe cut.piece(piece)
        let (rows, columns) = unsafe outputs(ofPiece: piece)
        var part = unsafe product
        unsafe part.stride = columns.count
        // The loops count rows and columns from the product's first.
        unsafe part.out = place - rows.lowerBound * columns.count - columns.lowerBound
        unsafe falcon_multiply_panels(
            falcon_products(), &part, panels.lowerBound, panels.count, blocks.lowerBound, blocks.count)
    }
}

/// How the outputs of a product are cut into pieces for threads: by shape alone.
private struct WorkCut {
    let panels, blocks: Int
    /// Panels of one piece, and groups of blocks, which differ by one block at most.
    let panelGroup, blockGroups: Int

    /// - Parameter together: panels of the widest tile.
    init(panels: Int, together: Int, blocks: Int, multiplications: Int) {
        (self.panels, self.blocks) = (panels, blocks)
        // Some 16 blocks together, so that the panels of a piece are read that much less often.
        blockGroups = (blocks + 15) / 16
        // At least 2^15 multiply-adds; few enough pieces that taking them costs nothing, and small enough ones that no
        // thread waits long for the last. Many blocks of rows read a few panels together.
        let pieces = min(256, max(1, multiplications >> 15))
        let least = max(blocks > 4 ? 4 : 1, (panels + pieces - 1) / pieces)
        panelGroup = (least + together - 1) / together * together
    }

    private var panelGroups: Int { (panels + panelGroup - 1) / panelGroup }
    var count: Int { panelGroups * blockGroups }

    func piece(_ index: Int) -> (panels: Range<Int>, blocks: Range<Int>) {
        let (panel, group) = (index % panelGroups * panelGroup, index / panelGroups)
        return (
            panel..<min(panels, panel + panelGroup),
            blocks * group / blockGroups..<blocks * (group + 1) / blockGroups
        )
    }
}
