internal import CFalconKernels
import Foundation
import Synchronization

extension StoredMatrix {
    /// Whether no value is infinite or not a number, of whatever the rows are written as.
    ///
    /// - Parameter releasesPages: whether the memory of mapped pages is given back at once.
    package func isFinite(releasesPages: Bool = false, on pool: ThreadPool?) -> Bool {
        let areFinite = Atomic(true)
        let piece = max(1, (1 << 16) / max(1, columns))
        func look(_ index: Int) {
            let part = index * piece..<min(rows, (index + 1) * piece)
            if !isFinite(part) { areFinite.store(false, ordering: .relaxed) }
            if releasesPages { rows(part).releasePages() }
        }
        let pieces = (rows + piece - 1) / piece
        if let pool {
            pool.run(pieces, look)
        } else {
            (0..<pieces).forEach(look)
        }
        return areFinite.load(ordering: .relaxed)
    }

    private func isFinite(_ part: Range<Int>) -> Bool {
        if let blocks {
            return part.allSatisfy { row in
                unsafe falcon_blocks_are_finite(
                    Int32(blocks.rawValue), start(ofRow: row), columns / blocks.valueCount) != 0
            }
        }
        let values = TensorStorage(uninitialized: part.count * columns)
        unsafe widen(part, into: values.base)
        return unsafe falcon_all_finite(values.base, part.count * columns) != 0
    }

    /// How many rows differ from another matrix's of the same shape in some value, by more than
    /// `relative * max(|a|, |b|) + absolute`; a NaN differs from everything.
    package func rowsThatDiffer(
        from other: StoredMatrix, relative: Float, absolute: Float, on pool: ThreadPool
    ) -> Int {
        precondition(
            rows == other.rows && columns == other.columns, "\([rows, columns]) beside \([other.rows, other.columns])")
        let different = Atomic(0)
        let piece = max(1, (1 << 16) / max(1, columns))
        pool.run((rows + piece - 1) / piece) { index in
            let part = index * piece..<min(rows, (index + 1) * piece)
            // Copies are the rule, and their bytes are soon compared.
            if type == other.type, blocks == nil, other.blocks == nil, liesTogether, other.liesTogether,
                unsafe memcmp(
                    start(ofRow: part.lowerBound), other.start(ofRow: part.lowerBound), part.count * rowBytes) == 0
            {
                return
            }
            let (own, theirs) = (
                TensorStorage(uninitialized: part.count * columns), TensorStorage(uninitialized: part.count * columns)
            )
            unsafe widen(part, into: own.base)
            unsafe other.widen(part, into: theirs.base)
            var count = 0
            for row in 0..<part.count {
                let (a, b) = unsafe (own.base + row * columns, theirs.base + row * columns)
                let isSame = (0..<columns).allSatisfy {
                    unsafe abs(a[$0] - b[$0]) <= relative * max(abs(a[$0]), abs(b[$0])) + absolute
                }
                if !isSame { count += 1 }
            }
            different.wrappingAdd(count, ordering: .relaxed)
        }
        releasePages()
        other.releasePages()
        return different.load(ordering: .relaxed)
    }
}
