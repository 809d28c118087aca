import ArgumentParser
import FalconTensor

extension ProductArithmetic: ExpressibleByArgument {}

/// What `--precision` says of itself, in every command that has it.
package enum PrecisionHelp {
    package static let text: ArgumentHelp =
        "Arithmetic of the target's and the head's products: float32, or rounded and faster, bfloat16 or int8."
}
