internal import CFalconProcess
import FalconTensor

/// The toolkit's version: what every command prints for `--version` and what files record as their maker. With the
/// commit that it was built from, where the scripts that build it said so, and the loops that this processor runs.
package let falconVersion: String = {
    let commit = unsafe String(cString: falcon_commit())
    return "0.1.0 (" + (commit.isEmpty ? "" : "commit \(commit), ") + MachineLimits.loops + ")"
}()
