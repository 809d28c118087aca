import Foundation

/// How many threads a rank computes with where nobody says it.
package enum ClusterThreads {
    /// The cores that the launcher bound the rank to; where it bound none, the rank's part of the machine's.
    ///
    /// - Parameters:
    ///   - allowed: processors that this process may run on.
    ///   - machine: processors of the machine.
    ///   - ranks: of this machine.
    ///   - environment: `OMP_NUM_THREADS` decides where it is set.
    package static func count(allowed: Int, machine: Int, ranks: Int, environment: [String: String]) -> Int {
        if let text = environment["OMP_NUM_THREADS"], let given = Int(text), given > 0 { return given }
        return allowed < machine ? max(1, allowed) : max(1, machine / max(1, ranks))
    }
}
