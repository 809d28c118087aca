internal import CFalconKernels

/// Work on a stretch of a tensor's values, counted in row-major order: what several machines share a tensor by.
extension Tensor {
    /// Copies values of another tensor over some of this one's.
    ///
    /// - Parameters:
    ///   - range: of this tensor's values.
    ///   - start: the first of `other`'s values that is copied.
    package mutating func set(_ range: Range<Int>, from other: Tensor, at start: Int) {
        require(range)
        other.require(start..<start + range.count)
        unsafe (mutablePointer() + range.lowerBound).update(from: other.pointer + start, count: range.count)
    }

    /// Sets a stretch to zeros.
    package mutating func clear(_ range: Range<Int>) {
        require(range)
        unsafe (mutablePointer() + range.lowerBound).update(repeating: 0, count: range.count)
    }

    /// Adds values of another tensor to a stretch of this one, on all threads.
    ///
    /// - Parameters:
    ///   - range: of this tensor's values.
    ///   - start: the first of `other`'s values that is added.
    package mutating func add(_ range: Range<Int>, from other: Tensor, at start: Int, on pool: ThreadPool) {
        require(range)
        other.require(start..<start + range.count)
        let (target, source) = unsafe (mutablePointer() + range.lowerBound, other.pointer + start)
        Tensor.tiles(range.count, on: pool) { start, count in
            unsafe falcon_add(target + start, source + start, count)
        }
    }

    /// A stretch rounded to bfloat16, to nearest, ties to even: the upper halves of the values' bits.
    package func bfloat16Words(of range: Range<Int>) -> [UInt16] {
        require(range)
        return unsafe [UInt16](unsafeUninitializedCapacity: range.count) { words, count in
            if let base = words.baseAddress {
                unsafe falcon_narrow_bfloat16(pointer + range.lowerBound, base, range.count)
            }
            count = range.count
        }
    }

    /// Rounds the values of a stretch to bfloat16 and adds values of bfloat16 to them.
    ///
    /// - Parameter words: as many as the stretch is long, as `bfloat16Words` gives them.
    package mutating func roundAndAdd(_ range: Range<Int>, bfloat16Words words: [UInt16], on pool: ThreadPool) {
        require(range)
        precondition(words.count == range.count, "\(words.count) words for \(range.count) values")
        let target = unsafe mutablePointer() + range.lowerBound
        unsafe words.withUnsafeBufferPointer { source in
            Tensor.tiles(range.count, on: pool) { start, count in
                guard let base = source.baseAddress else { return }
                unsafe falcon_round_add_bfloat16(target + start, base + start, count)
            }
        }
    }

    /// Rounds all values to bfloat16, to nearest, ties to even.
    package mutating func roundToBFloat16(on pool: ThreadPool) {
        let target = unsafe mutablePointer()
        Tensor.tiles(count, on: pool) { start, count in unsafe falcon_round_bfloat16(target + start, count) }
    }

    /// Multiplies the values of a stretch.
    package mutating func scale(_ range: Range<Int>, by factor: Float) {
        require(range)
        unsafe falcon_scale(mutablePointer() + range.lowerBound, factor, range.count)
    }

    /// Limits the values of a stretch to `-limit...limit`.
    package mutating func clamp(_ range: Range<Int>, to limit: Float) {
        require(range)
        unsafe falcon_clamp(mutablePointer() + range.lowerBound, limit, range.count)
    }

    /// The sum of the squares of a stretch, in double precision.
    package func sumOfSquares(_ range: Range<Int>) -> Double {
        require(range)
        return unsafe falcon_sum_of_squares(pointer + range.lowerBound, range.count)
    }

    /// The bytes of a stretch, for reading.
    package func withBytes<Result>(
        of range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        require(range)
        return unsafe try body(
            UnsafeRawBufferPointer(UnsafeBufferPointer(start: pointer + range.lowerBound, count: range.count)))
    }

    /// The bytes of a stretch, for writing.
    package mutating func withMutableBytes<Result>(
        of range: Range<Int>, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        require(range)
        return unsafe try body(
            UnsafeMutableRawBufferPointer(
                UnsafeMutableBufferPointer(start: mutablePointer() + range.lowerBound, count: range.count)))
    }

    private func require(_ range: Range<Int>) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "values \(range) of a tensor of shape \(shape)")
    }

    /// Cuts `count` values into pieces for threads.
    private static func tiles(_ count: Int, on pool: ThreadPool, _ body: (_ start: Int, _ count: Int) -> Void) {
        let tile = 1 << 16
        pool.run((count + tile - 1) / tile) { body($0 * tile, min(tile, count - $0 * tile)) }
    }
}
