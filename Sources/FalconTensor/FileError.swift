import Foundation

/// Something is wrong with a file: which one, what, and how to mend it, in one line.
package struct FileError: Error, CustomStringConvertible, Equatable {
    package let path: String
    package let problem: String

    /// - Parameters:
    ///   - path: the file or folder.
    ///   - problem: one line, what is wrong and, where it helps, what to do.
    package init(_ path: String, _ problem: String) {
        self.path = path
        self.problem = problem
    }

    /// The system's own word for the last failed call, e.g. "No space left on device".
    package static func system(_ path: String, _ call: String, code: Int32 = errno) -> FileError {
        FileError(path, "\(call) failed: \(unsafe String(cString: strerror(code)))")
    }

    package var description: String { "\(path): \(problem)" }
}
