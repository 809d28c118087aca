import Testing

@testable import FalconTraining

@Suite struct BlockAccuracyTests {
    @Test func `positions count by offset, blocks only from their start and without a gap`() {
        var accuracy = BlockAccuracy(blockSize: 3)
        // Two sequences of 6 positions. Rows 0 1 2 | 4 5 of the first, 6 | 9 10 of the second.
        accuracy.add(rows: [0, 1, 2, 4, 5, 6, 9, 10], ranks: [0, 0, 1, 0, 2, 3, 0, 0], time: 6)
        var means = MetricMeans()
        accuracy.add(to: &means)
        #expect(means.record["accuracy_top1"] == .numbers([2.0 / 3, 1, 0]))
        #expect(means.record["accuracy_top2"] == .numbers([2.0 / 3, 1, 0.5]))
        #expect(means.record["accuracy_top3"] == .numbers([2.0 / 3, 1, 1]))
        // Blocks from their start: rows 0 1 2, row 6, rows 9 10. Rows 4 and 5 lack row 3.
        #expect(accuracy.prefixShares == [2.0 / 3, 1, 0])
    }

    @Test func `the estimated accept length chains whole blocks`() {
        var accuracy = BlockAccuracy(blockSize: 2)
        accuracy.add(rows: [0, 1, 2, 3, 4, 5, 6, 7], ranks: [0, 0, 0, 0, 0, 1, 1, 0], time: 8)
        // 3 of 4 blocks start right, 2 of 4 are right throughout.
        #expect(accuracy.prefixShares == [0.75, 0.5])
        #expect(accuracy.acceptLength(depths: 1) == 0.75)
        #expect(accuracy.acceptLength(depths: 2) == 1.25)
        #expect(accuracy.acceptLength(depths: 4) == 1.25 + 0.5 * 1.25)
    }
}
