internal import CFalconKernels
import Foundation
import Synchronization

/// Looking at stored numbers where they lie, without a copy.
extension MappedFile {
    /// Bytes of one piece of work: few enough that they are still in a cache where they are packed next.
    private static let piece = 1 << 18

    /// Whether no number in a range is infinite or not a number.
    ///
    /// It reads every byte once, at the memory's pace. Pages that are read here need not be read from the disk again
    /// when the same weights are packed.
    ///
    /// - Parameters:
    ///   - range: whole numbers of `type`, aligned or not.
    ///   - releasesPages: whether their memory is given back to the system as the reading goes on.
    package func isFinite(
        _ range: Range<Int>, as type: ElementType, releasesPages: Bool = false, on pool: ThreadPool? = nil
    ) -> Bool {
        precondition(range.count.isMultiple(of: type.size), "\(range.count) bytes are no whole values of \(type)")
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "bytes \(range) of \(path), which has \(count)")
        guard !range.isEmpty else { return true }
        readAhead(range)
        let isFinite = Atomic(true)
        func look(_ index: Int) {
            let first = range.lowerBound + index * MappedFile.piece
            let part = first..<min(first + MappedFile.piece, range.upperBound)
            let values = part.count / type.size
            let isSound =
                switch type {
                case .float32: unsafe falcon_all_finite(start + first, values)
                case .float16: unsafe falcon_all_finite_halves(start + first, 0x7C00, values)
                case .bfloat16: unsafe falcon_all_finite_halves(start + first, 0x7F80, values)
                }
            if isSound == 0 { isFinite.store(false, ordering: .relaxed) }
            if releasesPages { releasePages(part) }
        }
        let pieces = (range.count + MappedFile.piece - 1) / MappedFile.piece
        if let pool {
            pool.run(pieces, look)
        } else {
            (0..<pieces).forEach(look)
        }
        return isFinite.load(ordering: .relaxed)
    }

    /// Whether two ranges, of one file or of two, hold the same bytes.
    package func hasSameBytes(_ range: Range<Int>, as otherRange: Range<Int>, of other: MappedFile) -> Bool {
        let (own, theirs) = unsafe (buffer(range), other.buffer(otherRange))
        guard range.count == otherRange.count, !range.isEmpty else { return range.count == otherRange.count }
        return unsafe memcmp(
            UnsafeRawBufferPointer(rebasing: own).baseAddress!, UnsafeRawBufferPointer(rebasing: theirs).baseAddress!,
            range.count) == 0
    }
}
