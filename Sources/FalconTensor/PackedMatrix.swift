internal import CFalconKernels

/// Weights of a linear layer, laid out once for products with few rows or many:
///
///     columns 0..<32    [k = 0: 32 values][k = 1: 32 values] ... [k = depth - 1]
///     columns 32..<64   [k = 0: 32 values] ...
///
/// (by pairs of k for `bfloat16` arithmetic, in groups with their scales for `int8`, `int4` and what is `stored` in
/// blocks). `multiply` is batch-invariant: a row's result is the same to the last bit however many rows are computed
/// beside it, on every processor and with any number of threads, because each output is one chain of operations over
/// the depth. Greedy speculative output equals plain greedy output because of this.
package final class PackedMatrix: Sendable {
    /// Outputs of the layer.
    package let columns: Int
    /// Inputs of the layer.
    package let depth: Int
    package let arithmetic: ProductArithmetic
    /// Bytes of the packed weights.
    package var byteCount: Int { runs.reduce(0) { $0 + $1.byteCount } }

    /// Outputs one below the other, neighbours in different forms: of a quantised file each matrix has its own type.
    let runs: [PackedPanels]

    /// Packs matrices that share their inputs, e.g. query, key and value projections, one below the other.
    package init(_ parts: [StoredMatrix], arithmetic: ProductArithmetic, on pool: ThreadPool) {
        precondition(!parts.isEmpty, "a packed matrix needs at least one part")
        depth = parts[0].columns
        columns = parts.reduce(0) { $0 + $1.rows }
        self.arithmetic = arithmetic
        var together: [(form: PanelForm, parts: [StoredMatrix])] = []
        for part in parts {
            precondition(part.columns == parts[0].columns, "parts with \(part.columns) and \(parts[0].columns) inputs")
            part.readAhead()
            let form = PanelForm(arithmetic, of: part)
            if together.last?.form == form {
                together[together.count - 1].parts.append(part)
            } else {
                together.append((form, [part]))
            }
        }
        var runs: [PackedPanels] = []
        for (form, parts) in together {
            runs.append(PackedPanels(parts, form: form, firstColumn: runs.last?.columns.upperBound ?? 0, on: pool))
        }
        self.runs = runs
        // The packed copy is the one that is used: weights must not take memory twice.
        for part in parts { part.releasePages() }
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
        var packed: [PackedRows] = []
        var products: [PackedProduct] = unsafe []
        for run in runs {
            let rows = packed.first { $0.form == run.form } ?? PackedRows(x, for: run.form, on: pool)
            packed.append(rows)
            unsafe products.append(PackedProduct(run, rows, bias: bias, into: result))
        }
        // All of them in one job: each would wait for its last thread.
        let pieceCount = unsafe products.reduce(0) { unsafe $0 + $1.pieceCount }
        unsafe products.withUnsafeBufferPointer { products in
            pool.run(pieceCount) { piece in
                var (index, number) = (piece, 0)
                while unsafe index >= products[number].pieceCount {
                    unsafe index -= products[number].pieceCount
                    number += 1
                }
                unsafe products[number].multiply(piece: index)
            }
        }
        withExtendedLifetime((self, packed, bias)) {}
        return result
    }
}
