internal import COpenBLAS

/// The few entry points of OpenBLAS that the package uses.
enum OpenBLAS {
    /// OpenBLAS must never start threads of its own beside ours: products are cut into tiles by `ThreadPool`.
    static func useOneThread() { falcon_openblas_single_threaded() }

    /// `c[rows, columns] = alpha * op(a)[rows, depth] * op(b)[depth, columns] + beta * c`, all row-major.
    static func product(
        rows: Int, columns: Int, depth: Int, alpha: Float = 1,
        a: UnsafePointer<Float>, stride aStride: Int, transposed aTransposed: Bool,
        b: UnsafePointer<Float>, stride bStride: Int, transposed bTransposed: Bool,
        beta: Float = 0, c: UnsafeMutablePointer<Float>, stride cStride: Int
    ) {
        unsafe cblas_sgemm(
            CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
            blasint(rows), blasint(columns), blasint(depth), alpha, a, blasint(aStride), b, blasint(bStride), beta, c,
            blasint(cStride))
    }
}
