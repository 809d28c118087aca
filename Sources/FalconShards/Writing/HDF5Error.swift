/// A call of the HDF5 library failed.
package struct HDF5Error: Error, CustomStringConvertible, Equatable {
    /// The file that the call was about.
    package let path: String
    /// The C function, e.g. `H5Fopen`.
    package let call: String
    /// The library's own words for the innermost cause; may be empty.
    package let problem: String

    package var description: String {
        "\(path): \(call) failed" + (problem.isEmpty ? "" : ": \(problem)")
    }
}
