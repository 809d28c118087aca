import FalconShards
import Foundation

/// Claims of shards, some of them taken before it is the shard's turn.
final class ShardOffers {
    private let claims: ShardClaims
    private let own: [Int]
    /// How many of the process's own shards have been asked for.
    private var asked = 0
    private var early: [Int: ShardClaims.Answer] = [:]

    /// - Parameter own: the shards of this process's part, in the order in which it comes to them.
    init(_ claims: ShardClaims, own: [Int]) { (self.claims, self.own) = (claims, own) }

    func take(_ shard: Int) throws -> ShardClaims.Answer {
        if let answer = early.removeValue(forKey: shard) { return answer }
        if asked < own.count, own[asked] == shard { asked += 1 }
        return try claims.take(shard)
    }

    /// Claims the next of the process's own shards that is free, before its turn; `nil` where none is left.
    func takeAhead() throws -> Int? {
        while asked < own.count {
            let shard = own[asked]
            asked += 1
            let answer = try claims.take(shard)
            early[shard] = answer
            if case .mine = answer { return shard }
        }
        return nil
    }

    func isBegun(_ shard: Int) throws -> Bool { try claims.isBegun(shard) }
}

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
    func forEach(_ claims: ShardOffers, _ body: (Int, _ isOwn: Bool, ShardClaims.Answer) throws -> Void) throws -> Int {
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
