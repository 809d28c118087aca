import ArgumentParser
import FalconTensor

/// The options that every command takes. `--help` and `--version` come from `CommandConfiguration`.
package struct CommonOptions: ParsableArguments {
    @Option(help: "Threads to compute with; one for each processor where it is left out. Results do not depend on it.")
    package var threads: Int?

    @Flag(help: "Print nothing but errors to standard error.")
    package var quiet = false

    package init() {}

    package func validate() throws {
        if let threads, threads < 1 {
            throw ValidationError("--threads \(threads): give 1 or more.")
        }
    }

    /// The threads that the options ask for.
    package func makePool() -> ThreadPool { ThreadPool(threadCount: threads) }
}
