import FalconShards
import Foundation

/// The order in which a process goes through the shards of a folder that it may share with others.
struct GenerationParts {
    /// The shards of this process's part.
    let own: [Int]
    /// All others, from the last: the process whose part they are comes to those last.
    let others: [Int]
    private let part: RunPart

    init(part: RunPart, shardCount: Int) {
        self.part = part
        own = (0..<shardCount).filter(part.owns)
        others = (0..<shardCount).filter { !part.owns(shard: $0) }.reversed()
    }

    /// Asks for each shard: the part's own, then those of other parts. A part that left no trace in the folder is not
    /// touched: it may be at work in a folder of its own, on another machine.
    ///
    /// Shards that a process elsewhere has claimed are watched until it gives a sign of life or its claim is stale,
    /// and are then asked for again; living processes are left to their work.
    ///
    /// - Parameter body: gets the shard, whether it is the part's own, and the answer.
    /// - Returns: shards that others are making.
    func forEach(_ claims: ShardClaims, _ body: (Int, _ isOwn: Bool, ShardClaims.Answer) throws -> Void) throws -> Int {
        var (alive, silent) = (0, [Int]())
        func ask(_ shard: Int) throws {
            let answer = try claims.take(shard)
            if case .held(let isAlive) = answer {
                if isAlive { alive += 1 } else { silent.append(shard) }
            }
            try body(shard, part.owns(shard: shard), answer)
        }
        for shard in own { try ask(shard) }
        var begun: Set<Int> = []
        for shard in others where try claims.isBegun(shard) { begun.insert(shard % part.count) }
        for shard in others where begun.contains(shard % part.count) { try ask(shard) }
        while !silent.isEmpty {
            Thread.sleep(forTimeInterval: 1)
            let waiting = silent
            silent = []
            for shard in waiting { try ask(shard) }
        }
        return alive
    }
}
