import FalconCluster

/// Who keeps the optimizer's state of which weights.
///
/// All trainable values, one parameter behind the other, are cut into tiles that never reach over a parameter's end,
/// and tiles are gathered in buckets, which are what goes over the network at once. Each rank has a share of each.
/// Sums over values are made tile by tile, in order: so they do not depend on who has which tile.
package struct ShareLayout {
    /// Neighbouring values of one parameter.
    struct Stretch: Equatable {
        /// Its place among the trainable ones.
        let parameter: Int
        /// Of the parameter's values.
        var range: Range<Int>
        /// Where they begin in the bucket, or in what a rank keeps.
        let start: Int
    }

    struct Bucket {
        /// All its values, starts counted from the bucket's own.
        let stretches: [Stretch]
        let count: Int
        /// The values of each rank.
        let shares: HalvedShares
        /// The tiles of each rank, as places in `ShareLayout.tiles`.
        let tiles: HalvedShares
    }

    /// A stretch and who keeps it; `start` is where in that rank's own values.
    struct Owned {
        let rank: Int
        let stretch: Stretch
    }

    /// Values that go over the network at once, at most.
    package static let bucketCount = 1 << 22

    let ranks: Int
    let buckets: [Bucket]
    /// All tiles; starts counted over all values.
    let tiles: [Stretch]

    /// - Parameters:
    ///   - counts: values of each trainable parameter.
    ///   - ranks: a power of two.
    ///   - tile: values of a tile at most.
    ///   - bucket: values of a bucket at most, or one tile.
    init(counts: [Int], ranks: Int, tile: Int = 1 << 14, bucket: Int = bucketCount) {
        self.ranks = ranks
        var tiles: [Stretch] = []
        var total = 0
        for (parameter, count) in counts.enumerated() {
            for start in stride(from: 0, to: count, by: tile) {
                let end = min(start + tile, count)
                tiles.append(Stretch(parameter: parameter, range: start..<end, start: total))
                total += end - start
            }
        }
        self.tiles = tiles
        var buckets: [Bucket] = []
        var first = 0
        while first < tiles.count {
            var end = first + 1
            while end < tiles.count, tiles[end].start + tiles[end].range.count - tiles[first].start <= bucket {
                end += 1
            }
            buckets.append(ShareLayout.bucket(tiles, first..<end, ranks: ranks, total: total))
            first = end
        }
        self.buckets = buckets
    }

    private static func bucket(_ tiles: [Stretch], _ range: Range<Int>, ranks: Int, total: Int) -> Bucket {
        func start(_ index: Int) -> Int { index < tiles.count ? tiles[index].start : total }
        let base = start(range.lowerBound)
        let halves = HalvedShares(range, ranks: ranks) { part in
            let middle = (start(part.lowerBound) + start(part.upperBound)) / 2
            return part.first { start($0) >= middle } ?? part.upperBound
        }
        let shares = halves.mapped { start($0.lowerBound) - base..<start($0.upperBound) - base }
        return Bucket(
            stretches: ShareLayout.joined(range.map { (tiles[$0], tiles[$0].start - base) }),
            count: start(range.upperBound) - base, shares: shares, tiles: halves)
    }

    /// Stretches with other starts, neighbours put together.
    private static func joined(_ parts: [(stretch: Stretch, start: Int)]) -> [Stretch] {
        var result: [Stretch] = []
        for (part, start) in parts {
            if let last = result.last, last.parameter == part.parameter,
                last.range.upperBound == part.range.lowerBound, last.start + last.range.count == start
            {
                result[result.count - 1].range = last.range.lowerBound..<part.range.upperBound
            } else {
                result.append(Stretch(parameter: part.parameter, range: part.range, start: start))
            }
        }
        return result
    }

    /// How many values a rank keeps.
    func count(of rank: Int) -> Int { buckets.reduce(0) { $0 + $1.shares.ranges[rank].count } }

    /// What a rank keeps, bucket by bucket, starts counted over its own values.
    func kept(by rank: Int) -> [[Stretch]] {
        var start = 0
        return buckets.map { bucket in
            ShareLayout.joined(
                bucket.tiles.ranges[rank].map { tile in
                    defer { start += tiles[tile].range.count }
                    return (tiles[tile], start)
                })
        }
    }

    /// Who keeps a parameter's values, in their order.
    var owners: [Int: [Owned]] {
        var owners: [Int: [Owned]] = [:]
        for rank in 0..<ranks {
            for stretch in kept(by: rank).flatMap({ $0 }) {
                owners[stretch.parameter, default: []].append(Owned(rank: rank, stretch: stretch))
            }
        }
        return owners.mapValues { $0.sorted { $0.stretch.range.lowerBound < $1.stretch.range.lowerBound } }
    }

    /// Adds up a number for each tile, in the tiles' order.
    ///
    /// - Parameter parts: each rank's numbers, for its tiles bucket by bucket.
    func sum(_ parts: [[Double]]) -> Double {
        var values = [Double](repeating: 0, count: tiles.count)
        for rank in 0..<ranks {
            var next = 0
            for tile in buckets.flatMap({ $0.tiles.ranges[rank] }) {
                values[tile] = parts[rank][next]
                next += 1
            }
        }
        return values.reduce(0, +)
    }
}
