import FalconTensor

/// Sums and gathers over a tensor of which each rank has a share.
///
/// Both go along one binary tree over the ranks: the nearest two first, then the nearest two pairs, and so on. So a sum
/// has the same bits as if one process had added the ranks' parts along that tree, and each value crosses the network
/// once on the way there and once on the way back, whatever the number of ranks.
extension ClusterCommunicator {
    /// Adds all ranks' tensors; afterwards this rank's share of the result stands in its place, and what stands in the
    /// other places means nothing.
    ///
    /// - Parameters:
    ///   - tensor: as long on every rank.
    ///   - shares: each rank's range of values; see `HalvedShares`.
    ///   - isRounded: whether both summands of each sum of the tree are rounded to bfloat16 first, which halves what
    ///     crosses the network.
    package func reduceScatter(
        _ tensor: inout Tensor, _ shares: HalvedShares, isRounded: Bool = false, on pool: ThreadPool
    ) throws {
        for level in 0..<shares.levels {
            let partner = rank ^ (1 << level)
            let (mine, theirs) = (shares.node(level + 1, of: rank), shares.node(level + 1, of: partner))
            if isRounded {
                let words = tensor.bfloat16Words(of: theirs)
                var received = [UInt16](repeating: 0, count: mine.count)
                unsafe try words.withUnsafeBytes { sending in
                    unsafe try received.withUnsafeMutableBytes { receiving in
                        unsafe try exchange(with: partner, sending: sending, receiving: receiving)
                    }
                }
                tensor.roundAndAdd(mine, bfloat16Words: received, on: pool)
                continue
            }
            var received = Tensor(repeating: 0, [mine.count])
            unsafe try tensor.withBytes(of: theirs) { sending in
                unsafe try received.withMutableBytes(of: 0..<mine.count) { receiving in
                    unsafe try exchange(with: partner, sending: sending, receiving: receiving)
                }
            }
            tensor.add(mine, from: received, at: 0, on: pool)
        }
    }

    /// Fills in the other ranks' shares of a tensor of which each rank has its own.
    package func allGather(_ tensor: inout Tensor, _ shares: HalvedShares) throws {
        for level in (0..<shares.levels).reversed() {
            let partner = rank ^ (1 << level)
            let (mine, theirs) = (shares.node(level + 1, of: rank), shares.node(level + 1, of: partner))
            // A tensor cannot be read and written at once: what comes has a place of its own first.
            var received = Tensor(repeating: 0, [theirs.count])
            unsafe try tensor.withBytes(of: mine) { sending in
                unsafe try received.withMutableBytes(of: 0..<theirs.count) { receiving in
                    unsafe try exchange(with: partner, sending: sending, receiving: receiving)
                }
            }
            tensor.set(theirs, from: received, at: 0)
        }
    }

    /// Hands values from one rank to another; the remaining ranks need not call it.
    ///
    /// - Parameters:
    ///   - range: of the source's values, or where they go.
    ///   - tensor: what the source has them in and the target takes them into.
    package func hand(_ range: Range<Int>, of tensor: inout Tensor, from source: Int, to target: Int) throws {
        let nothing = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
        if rank == source {
            unsafe try tensor.withBytes(of: range) { sending in
                unsafe try exchange(with: target, sending: sending, receiving: nothing)
            }
        } else if rank == target {
            unsafe try tensor.withMutableBytes(of: range) { receiving in
                unsafe try exchange(with: source, sending: UnsafeRawBufferPointer(nothing), receiving: receiving)
            }
        }
    }
}

/// How a range is shared by ranks: halved again and again, each half to the ranks with the one or the other value of
/// one more bit of their number, lowest bit first.
package struct HalvedShares: Sendable, Equatable {
    /// Each rank's range.
    package let ranges: [Range<Int>]
    /// How often it was halved.
    package let levels: Int

    /// - Parameters:
    ///   - range: what is shared.
    ///   - ranks: a power of two; traps otherwise.
    ///   - middle: where to cut a range in two; within it.
    package init(_ range: Range<Int>, ranks: Int, middle: (Range<Int>) -> Int) {
        precondition(ranks > 0 && ranks & (ranks - 1) == 0, "\(ranks) ranks cannot halve a range")
        levels = ranks.trailingZeroBitCount
        var ranges = [range]
        for _ in 0..<levels {
            let cuts = ranges.map(middle)
            // The next bit of a rank decides: those without it come first.
            ranges = zip(ranges, cuts).map { $0.lowerBound..<$1 } + zip(ranges, cuts).map { $1..<$0.upperBound }
        }
        self.ranges = ranges
    }

    private init(ranges: [Range<Int>], levels: Int) { (self.ranges, self.levels) = (ranges, levels) }

    /// The same shares counted otherwise, e.g. by values instead of tiles.
    package func mapped(_ transform: (Range<Int>) -> Range<Int>) -> HalvedShares {
        HalvedShares(ranges: ranges.map(transform), levels: levels)
    }

    /// The range that a rank shares with all others of the same `level` lowest bits.
    func node(_ level: Int, of rank: Int) -> Range<Int> {
        let low = rank & ((1 << level) - 1)
        // Of those ranks the one without further bits has the first range, and the one with all of them the last.
        return ranges[low].lowerBound..<ranges[low | (ranges.count - 1) & ~((1 << level) - 1)].upperBound
    }
}
