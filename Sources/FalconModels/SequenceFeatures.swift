import FalconTensor
import Synchronization

/// The features of whole sequences, one behind the other or several at once, for feature generation.
///
/// Keys and values lie in caches that are used again: fresh memory for every sequence would cost as much time as all
/// norms together in a small model.
package final class SequenceFeatures: Sendable {
    package let model: TargetModel
    /// Layers whose states stand beside the features (`AuxiliaryLayers`).
    private let states: [Int]
    private let free = Mutex<[Idle]>([])

    /// A cache that nobody uses. Whoever takes it out of the list is its only user.
    private struct Idle: @unchecked Sendable {
        let cache: KeyValueCache
    }

    /// - Parameter states: layers whose states are to stand beside the features, ascending.
    package init(_ model: TargetModel, states: [Int] = []) { (self.model, self.states) = (model, states) }

    /// Features `[tokens, hidden]` of a sequence from its start, and what stands beside them.
    package func features(of tokens: [Int32], on pool: ThreadPool) -> Tensor {
        let cache = takeCache(tokens.count)
        defer { free.withLock { $0.append(Idle(cache: cache)) } }
        cache.truncate(to: 0)
        return model.forward(tokens, cache: cache, states: states, on: pool)
    }

    private func takeCache(_ capacity: Int) -> KeyValueCache {
        let idle = free.withLock { free in free.popLast() }
        if let idle, idle.cache.capacity >= capacity { return idle.cache }
        // One that is too short is given up.
        return model.makeCache(capacity: capacity)
    }
}
