import Foundation

/// Something is wrong with a file: which one, what, and how to fix it, in one line.
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

    /// Why a call of Foundation on files failed, in the system's words where it has some: Foundation's own name no
    /// reason, or another file.
    package static func reason(_ error: any Error) -> String {
        let outer = error as NSError
        let inner = outer.userInfo[NSUnderlyingErrorKey] as? NSError ?? outer
        // Not every Foundation makes one error type of the other.
        let code =
            (outer.userInfo[NSUnderlyingErrorKey] as? POSIXError)?.code.rawValue
            ?? (inner.domain == NSPOSIXErrorDomain ? Int32(exactly: inner.code) : nil)
        guard let code else {
            // A sentence of its own reads badly within another one.
            let words = inner.localizedDescription
            return words.hasSuffix(".") ? String(words.dropLast()) : words
        }
        return unsafe String(cString: strerror(code))
    }

    /// The system's own word for the last failed call, e.g. "No space left on device".
    package static func system(_ path: String, _ call: String, code: Int32 = errno) -> FileError {
        FileError(path, "\(call) failed: \(unsafe String(cString: strerror(code)))")
    }

    package var description: String { "\(path): \(problem)" }
}
