import FalconDraft

@testable import FalconDecoding

extension DynamicTree {
    /// Grows by rows that are made up.
    ///
    /// - Parameters:
    ///   - rank: gives the probabilities of each row of the blocks that are continued, the largest first.
    ///   - choose: gives so many tokens for each of those rows, in the order of the ranks.
    func draft(
        deepest: Int, rank: ([DraftSession.Continuation]) -> [[Double]], choose: ([Int]) -> [[Int32]]
    ) -> GrowingTree.Result {
        var growing = GrowingTree(self, deepest: deepest)
        while !growing.isDone {
            growing.settle(rank(growing.continuations))
            growing.take(choose(growing.rankings.all.map(\.count)), of: growing.rankings.all.indices)
            growing.endPass()
        }
        return growing.result
    }
}
