internal import CFalconKernels

/// Weights of a linear layer, laid out once for products with few rows or many:
///
///     columns 0..<32    [k = 0: 32 values][k = 1: 32 values] ... [k = depth - 1]
///     columns 32..<64   [k = 0: 32 values] ...
///
/// (by pairs of k for `bfloat16` arithmetic, by quads in groups with their scales for `int8`). `multiply` is
/// batch-invariant: a row's result is the same to the last bit however many rows are computed beside it, on every
/// processor and with any number of threads, because each output is one chain of operations over the depth. Greedy
/// speculative output equals plain greedy output because of this.
@safe package final class PackedMatrix: @unchecked Sendable {
    /// Outputs of the layer.
    package let columns: Int
    /// Inputs of the layer.
    package let depth: Int
    package let arithmetic: ProductArithmetic
    /// Bytes of the packed weights.
    package let byteCount: Int

    private let form: PanelForm
    private let storage: PanelStorage
    private let panelCount: Int

    /// Packs matrices that share their inputs, e.g. query, key and value projections, one below the other.
    package init(_ parts: [StoredMatrix], arithmetic: ProductArithmetic, on pool: ThreadPool) {
        precondition(!parts.isEmpty, "a packed matrix needs at least one part")
        depth = parts[0].columns
        columns = parts.reduce(0) { $0 + $1.rows }
        for part in parts {
            precondition(part.columns == parts[0].columns, "parts with \(part.columns) and \(parts[0].columns) inputs")
        }
        self.arithmetic = arithmetic
        form = PanelForm(arithmetic, storedAs: parts.map(\.type))
        let width = Int(FALCON_PANEL)
        panelCount = (columns + width - 1) / width
        byteCount = max(64, panelCount * falcon_panel_bytes(form.code, depth))
        storage = PanelStorage(byteCount: byteCount)
        for part in parts { part.readAhead() }

        // Parts of one type are read where they lie; of mixed types, of float16 or in blocks, some rows at a time are
        // widened first.
        let type = parts[0].type
        let isRead = type != .float16 && parts.allSatisfy { $0.type == type && $0.blocks == nil }
        let kernelCode = (isRead ? type : .float32).kernelCode
        let group = 8
        let panelBytes = falcon_panel_bytes(form.code, depth)
        pool.run((panelCount + group - 1) / group) { piece in
            let first = piece * group
            let range = first * width..<min(columns, (first + group) * width)
            let scratch = TensorStorage(uninitialized: isRead ? 0 : range.count * depth)
            var rows: [UnsafeRawPointer?] = unsafe []
            for (part, row) in PackedMatrix.places(of: range, in: parts) {
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
        // The packed copy is the one that is used: weights must not take memory twice.
        for part in parts { part.releasePages() }
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

    /// `x * weightᵀ + bias`.
    ///
    /// - Parameters:
    ///   - x: `[rows, depth]`.
    ///   - bias: `[columns]`.
    /// - Returns: `[rows, columns]`.
    package func multiply(_ x: Tensor, bias: Tensor? = nil, on pool: ThreadPool) -> Tensor {
        precondition(x.width == depth, "rows of shape \(x.shape) into a layer of \(depth) inputs")
        precondition(
            bias.map { $0.count == columns } ?? true, "bias of shape \(bias?.shape ?? []) for \(columns) outputs")
        let rows = x.rowCount
        let result = Tensor(uninitialized: [rows, columns])
        guard rows > 0, columns > 0 else { return result }
        let kernels = unsafe falcon_products()!
        let most = unsafe kernels.pointee.forms[Int(form.code)].block_rows
        let blocks = unsafe falcon_row_blocks(kernels, form.code, rows)
        let packed = TensorStorage(uninitialized: rows * falcon_row_bytes(form.code, depth) / 4)
        // Below some 2^15 values, waking a thread costs more than it gives.
        let blocksPacked = max(1, (1 << 15) / max(1, most * depth))
        pool.run((blocks + blocksPacked - 1) / blocksPacked) { piece in
            let first = piece * blocksPacked
            unsafe falcon_pack_rows(
                kernels, form.code, x.pointer, rows, depth, first, min(blocksPacked, blocks - first), packed.base)
        }
        let product = unsafe falcon_product(
            form: form.code, rows: rows, depth: depth, columns: columns, packed_rows: packed.base, panels: storage.base,
            bias: bias?.pointer, out: result.storage.base, stride: columns)
        let cut = WorkCut(
            panels: panelCount, together: unsafe kernels.pointee.forms[Int(form.code)].tile_panels, blocks: blocks,
            multiplications: rows * depth * columns)
        pool.run(cut.count) { piece in
            let (panels, blocks) = cut.piece(piece)
            unsafe withUnsafePointer(to: product) {
                unsafe falcon_multiply_panels(
                    kernels, $0, panels.lowerBound, panels.count, blocks.lowerBound, blocks.count)
            }
        }
        withExtendedLifetime((x, bias, packed)) {}
        return result
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
