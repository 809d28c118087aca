import FalconTensor

/// Processes that train one head together, each with a number, its rank.
///
/// What is sent between two of them is the only thing that an implementation has to know; sums, gathering and
/// agreement are made of it, in an order that depends on the number of ranks alone. A rank calls it from one thread at
/// a time, and all ranks make the same calls in the same order.
package protocol ClusterCommunicator: AnyObject {
    /// This process's number, from 0.
    var rank: Int { get }
    /// How many there are: a power of two.
    var size: Int { get }
    /// How many of them are on this machine.
    var localSize: Int { get }

    /// Sends bytes to another rank and receives bytes from it, at once; either may be none.
    ///
    /// - Parameter partner: it makes the same call with this rank as its partner and the two lengths exchanged.
    /// - Throws: `ClusterError` that names the partner, where it cannot be reached.
    func exchange(
        with partner: Int, sending: UnsafeRawBufferPointer, receiving: UnsafeMutableRawBufferPointer
    ) throws

    /// Ends the work together; all ranks call it. Nothing is sent afterwards.
    func finish() throws

    /// Ends all ranks at once, because this one cannot go on.
    func abort() -> Never
}

/// Ranks cannot work together: why, in one line.
package struct ClusterError: Error, CustomStringConvertible, Equatable {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A process that works alone.
package final class SingleProcess: ClusterCommunicator {
    package let rank = 0
    package let size = 1
    package let localSize = 1

    package init() {}

    package func exchange(
        with partner: Int, sending: UnsafeRawBufferPointer, receiving: UnsafeMutableRawBufferPointer
    ) throws {
        preconditionFailure("a process that works alone has no partner \(partner)")
    }

    package func finish() throws {}

    package func abort() -> Never { preconditionFailure("a process that works alone has nobody to end") }
}
