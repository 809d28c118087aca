import Foundation

/// Memory for packed weights, in large pages where the system has them: weights are read from end to end, and each
/// small page would cost a look into the page table.
@safe final class PanelStorage: @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    private static let largePage = 2 << 20

    /// Allocates bytes without setting them.
    init(byteCount: Int) {
        let isLarge = byteCount >= 2 * PanelStorage.largePage
        unsafe base = SystemMemory.allocate(max(64, byteCount), alignment: isLarge ? PanelStorage.largePage : 64)
        #if os(Linux)
            // Advice only: where the system declines it, pages stay small. 14 is MADV_HUGEPAGE.
            if isLarge { unsafe madvise(base, byteCount, 14) }
        #endif
    }

    deinit { unsafe free(base) }
}
