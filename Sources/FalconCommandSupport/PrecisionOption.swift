import ArgumentParser
import FalconTensor

extension ProductArithmetic: ExpressibleByArgument {}

/// What `--precision` says of itself, in every command that has it.
package enum PrecisionHelp {
    package static let text: ArgumentHelp =
        """
        Arithmetic of the target's and the head's products: float32; rounded and faster, bfloat16, int8 or int4; or \
        stored, in a quantised file's own blocks. Left out, stored for a quantised file, else float32.
        """
}
