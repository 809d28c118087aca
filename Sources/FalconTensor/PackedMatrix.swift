internal import CFalconKernels

/// Weights of a linear layer, laid out once for products with few rows or many:
///
///     columns 0..<32    [k = 0: 32 values][k = 1: 32 values] ... [k = depth - 1]
///     columns 32..<64   [k = 0: 32 values] ...
///
/// `multiply` is batch-invariant: a row's result is the same to the last bit however many rows are computed beside
/// it, on every processor and with any number of threads, because each output is one chain of fused multiply-adds
/// over the depth. Greedy speculative output equals plain greedy output because of this.
@safe package final class PackedMatrix: @unchecked Sendable {
    /// Outputs of the layer.
    package let columns: Int
    /// Inputs of the layer.
    package let depth: Int
    /// bfloat16 where all stored parts were bfloat16, else float32: packing never rounds.
    package let type: ElementType

    private let panels: UnsafeMutableRawPointer
    private let panelCount: Int
    /// Bytes of the packed weights.
    package let byteCount: Int

    /// Packs matrices that share their inputs, e.g. query, key and value projections, one below the other.
    package init(_ parts: [StoredMatrix], on pool: ThreadPool) {
        precondition(!parts.isEmpty, "a packed matrix needs at least one part")
        depth = parts[0].columns
        columns = parts.reduce(0) { $0 + $1.rows }
        for part in parts {
            precondition(part.columns == parts[0].columns, "parts with \(part.columns) and \(parts[0].columns) inputs")
        }
        let keepsBfloat16 = parts.allSatisfy { $0.type == .bfloat16 }
        type = keepsBfloat16 ? .bfloat16 : .float32
        let width = Int(FALCON_PANEL)
        panelCount = (columns + width - 1) / width
        byteCount = max(64, panelCount * depth * width * type.size)
        unsafe panels = .allocate(byteCount: byteCount, alignment: 64)

        // Mixed or float16 parts are widened first; parts of the packed type are read where they lie.
        let sources = parts.map { $0.type == type ? $0 : StoredMatrix($0.tensor()) }
        var rows: [UnsafeRawPointer?] = unsafe []
        for source in sources {
            for row in 0..<source.rows { unsafe rows.append(source.start + row * depth * source.type.size) }
        }
        let group = 8
        unsafe rows.withUnsafeBufferPointer { rows in
            pool.run((panelCount + group - 1) / group) { piece in
                let first = piece * group
                unsafe falcon_pack_panels(
                    rows.baseAddress!, columns, depth, type.kernelCode, first, min(group, panelCount - first), panels,
                    type.kernelCode)
            }
        }
        withExtendedLifetime(sources) {}
        // The packed copy is the one that is used: weights must not take memory twice.
        for part in parts { part.releasePages() }
    }

    deinit { unsafe panels.deallocate() }

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
        let kernels = unsafe falcon_inference()!.pointee
        let packed = Tensor(uninitialized: [rows, depth])
        unsafe kernels.pack_rows(x.pointer, rows, depth, packed.storage.base)
        // Pieces of about 2^18 multiply-adds: below that, waking a thread costs more than it gives.
        let perPanel = rows * depth * Int(FALCON_PANEL)
        let group = max(4, ((1 << 18) / max(1, perPanel) + 3) / 4 * 4, (panelCount / 64 + 3) / 4 * 4)
        pool.run((panelCount + group - 1) / group) { piece in
            let first = piece * group
            unsafe kernels.multiply(
                packed.pointer, rows, depth, panels, type.kernelCode, first, min(group, panelCount - first), columns,
                bias?.pointer, result.storage.base)
        }
        return result
    }
}

extension ElementType {
    /// The number by which the C loops know the type.
    var kernelCode: Int32 {
        switch self {
        case .float32: Int32(FALCON_FLOAT32)
        case .float16: Int32(FALCON_FLOAT16)
        case .bfloat16: Int32(FALCON_BFLOAT16)
        }
    }
}
