internal import COpenBLAS
import Synchronization

/// The few entry points of OpenBLAS that the package uses.
enum OpenBLAS {
    /// OpenBLAS must never start threads of its own beside ours: products are cut into tiles by `ThreadPool`.
    static func useOneThread() { falcon_openblas_single_threaded() }

    private static let buffers = OpenBLASBuffers()

    /// `c[rows, columns] = alpha * op(a)[rows, depth] * op(b)[depth, columns] + beta * c`, all row-major.
    static func product(
        rows: Int, columns: Int, depth: Int, alpha: Float = 1,
        a: UnsafePointer<Float>, stride aStride: Int, transposed aTransposed: Bool,
        b: UnsafePointer<Float>, stride bStride: Int, transposed bTransposed: Bool,
        beta: Float = 0, c: UnsafeMutablePointer<Float>, stride cStride: Int
    ) {
        let running = buffers.running.wrappingAdd(1, ordering: .relaxed).newValue
        defer { buffers.running.wrappingSubtract(1, ordering: .relaxed) }
        if running > buffers.count.load(ordering: .acquiring) { buffers.prepare(running) }
        unsafe cblas_sgemm(
            CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
            blasint(rows), blasint(columns), blasint(depth), alpha, a, blasint(aStride), b, blasint(bStride), beta, c,
            blasint(cStride))
    }
}

/// OpenBLAS's buffers, one for each product at work, kept for the next. Where the system refuses it one, OpenBLAS asks
/// again without end (0.3.21): so each is asked for here before a product needs it, when it is known to be there.
private final class OpenBLASBuffers: Sendable {
    /// Products at work now.
    let running = Atomic<Int>(0)
    /// Buffers that OpenBLAS has.
    let count = Atomic<Int>(0)
    /// Their addresses.
    private let known = Mutex<Set<UInt>>([])

    /// What one takes, and something beside it for threads that ask at the same moment.
    private static let byteCount = 128 << 20
    private static let spareBytes = 16 << 20

    /// Has OpenBLAS hold buffers for so many products at once, or ends the process in one line.
    func prepare(_ wanted: Int) {
        known.withLock { known in
            var taken: [UInt] = []
            while known.count < wanted {
                SystemMemory.require(OpenBLASBuffers.byteCount + OpenBLASBuffers.spareBytes)
                // Free ones come first.
                guard let buffer = unsafe falcon_openblas_take_buffer() else { break }
                taken.append(UInt(bitPattern: buffer))
                known.insert(UInt(bitPattern: buffer))
            }
            for buffer in taken { unsafe falcon_openblas_give_buffer(UnsafeMutableRawPointer(bitPattern: buffer)) }
            count.store(max(known.count, wanted), ordering: .releasing)
        }
    }
}
