import Foundation

/// What all ranks tell each other, and what they decide together.
extension ClusterCommunicator {
    /// Everybody's bytes, by rank.
    package func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
        var held: [Int: [UInt8]] = [rank: bytes]
        var distance = 1
        while distance < size {
            let partner = rank ^ distance
            // Whoever has the same bits from `distance` on holds the same parts by now.
            let mine = (rank & ~(distance - 1))..<(rank & ~(distance - 1)) + distance
            let theirs = (partner & ~(distance - 1))..<(partner & ~(distance - 1)) + distance
            let lengths = try exchange(with: partner, counts: mine.map { held[$0]?.count ?? 0 })
            var received = [UInt8](repeating: 0, count: lengths.reduce(0, +))
            let sent = mine.flatMap { held[$0] ?? [] }
            unsafe try sent.withUnsafeBytes { sending in
                unsafe try received.withUnsafeMutableBytes { receiving in
                    unsafe try exchange(with: partner, sending: sending, receiving: receiving)
                }
            }
            var start = 0
            for (other, length) in zip(theirs, lengths) {
                held[other] = Array(received[start..<start + length])
                start += length
            }
            distance *= 2
        }
        return (0..<size).map { held[$0] ?? [] }
    }

    /// As many numbers as are given, from a partner that gives as many.
    private func exchange(with partner: Int, counts: [Int]) throws -> [Int] {
        let sent = counts.map { Int64($0).littleEndian }
        var received = [Int64](repeating: 0, count: counts.count)
        unsafe try sent.withUnsafeBytes { sending in
            unsafe try received.withUnsafeMutableBytes { receiving in
                unsafe try exchange(with: partner, sending: sending, receiving: receiving)
            }
        }
        return received.map { Int(Int64(littleEndian: $0)) }
    }

    /// Everybody's value, by rank.
    package func allGather<Value: Codable>(values value: Value) throws -> [Value] {
        guard size > 1 else { return [value] }
        // A binary property list keeps every bit of a number, and knows those that are none.
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        let bytes = try Array(encoder.encode([value]))
        return try allGather(bytes).enumerated().map { other, bytes in
            guard let value = try? PropertyListDecoder().decode([Value].self, from: Data(bytes)).first else {
                throw ClusterError(
                    "rank \(other) sent something else than the others; start the same program everywhere")
            }
            return value
        }
    }

    /// What one rank finds out, for all; the others wait.
    package func shared<Value: Codable>(by root: Int = 0, _ body: () throws -> Value) throws -> Value {
        guard size > 1 else { return try body() }
        let values = try allGather(values: rank == root ? [try body()] : [])
        guard let value = values[root].first else { throw ClusterError("rank \(root) has nothing to share") }
        return value
    }

    /// Whether any rank says so.
    package func any(_ isSo: Bool) throws -> Bool {
        guard size > 1 else { return isSo }
        return try allGather([isSo ? 1 : 0]).contains([1])
    }

    /// Does something on every rank; where it fails on any, it fails on all.
    ///
    /// - Throws: on the first rank where it failed, an `AgreedFailure` with what was thrown there; on the others
    ///   `FailedElsewhere`. A process that works alone throws what was thrown.
    package func together<Result>(_ body: () throws -> Result) throws -> Result {
        guard size > 1 else { return try body() }
        let result = Swift.Result { try body() }
        var status: UInt8 = 0
        if case .failure(let failure) = result { status = (failure as? any FailureStatus)?.failureStatus ?? 1 }
        let failures = try allGather([status])
        if let first = failures.firstIndex(where: { $0 != [0] }), first != rank {
            throw FailedElsewhere(rank: first, status: failures[first].first ?? 1)
        }
        switch result {
        case .success(let value): return value
        case .failure(let failure as AgreedFailure): throw failure
        case .failure(let failure): throw AgreedFailure(rank: rank, underlying: failure)
        }
    }
}

/// A failure with a status of its own for the process to end with: all ranks end with it, so that a launcher's status
/// does not depend on which of them ends first.
package protocol FailureStatus: Error {
    /// Not 0.
    var failureStatus: UInt8 { get }
}

/// This rank failed, and all others know.
package struct AgreedFailure: Error, CustomStringConvertible {
    package let rank: Int
    package let underlying: any Error

    package var description: String { "\(underlying)" }
}

/// Another rank failed, and says so itself.
package struct FailedElsewhere: Error, CustomStringConvertible, Equatable {
    package let rank: Int
    /// What its process ends with.
    package var status: UInt8 = 1

    package var description: String { "rank \(rank) failed" }
}
