internal import CHDF5
import Foundation

/// The door to the HDF5 library: one thread at a time, silent, every status checked.
///
/// The library keeps process-wide tables. Some builds guard them with one lock of their own and others do not, so all
/// calls go through `enter`. Compression never happens behind the door; see `ChunkFilters`.
final class HDF5Library {
    /// Recursive, because the last reference to a handle may go, and close it, inside another call.
    private static let lock = NSRecursiveLock()

    /// At its exit the library would flush the files that are still open. Those are the ones whose disk was full, and
    /// it crashes over them. Has to be said before any other call.
    private static let isPrepared = H5dont_atexit() >= 0

    /// Runs `body` while no other thread is in the library.
    static func enter<Value>(_ body: () throws -> Value) rethrows -> Value {
        lock.lock()
        defer { lock.unlock() }
        _ = isPrepared
        // Each thread has an error stack of its own, and each would print itself to standard error.
        H5Eset_auto2(falcon_h5_default_error_stack(), nil, nil)
        return try body()
    }

    /// Passes on what a call returned, or throws where that says that it failed.
    @discardableResult
    static func check<Status: SignedInteger>(_ status: Status, _ call: String, _ path: String) throws -> Status {
        guard status < 0 else { return status }
        throw HDF5Error(path: path, call: call, problem: innermostProblem())
    }

    /// The deepest entry of the library's error stack, e.g. "file signature not found".
    private static func innermostProblem() -> String {
        var problem = ""
        unsafe withUnsafeMutablePointer(to: &problem) { target in
            _ = unsafe H5Ewalk2(
                falcon_h5_default_error_stack(), H5E_WALK_UPWARD,
                { depth, entry, target in
                    guard depth == 0, let words = unsafe entry?.pointee.desc else { return 0 }
                    unsafe target?.assumingMemoryBound(to: String.self).pointee = unsafe String(cString: words)
                    return 0
                }, target)
        }
        // For system calls it dumps addresses and times around the one thing that helps.
        if let start = problem.range(of: "error message = '"),
            let end = problem.range(of: "'", range: start.upperBound..<problem.endIndex)
        {
            return String(problem[start.upperBound..<end.lowerBound])
        }
        return problem
    }
}

/// One open object of the HDF5 library, closed with the last reference to it or before.
final class HDF5Handle {
    let identifier: hid_t
    private let closing: (hid_t) -> herr_t
    private var isOpen = true

    /// - Parameters:
    ///   - identifier: what the opening call returned; negative means that it failed.
    ///   - call: the opening call's name, for the error.
    ///   - closing: the matching closing call.
    init(_ identifier: hid_t, _ call: String, _ path: String, closing: @escaping (hid_t) -> herr_t) throws {
        self.identifier = try HDF5Library.check(identifier, call, path)
        self.closing = closing
    }

    deinit {
        guard isOpen else { return }
        HDF5Library.enter { _ = closing(identifier) }
    }

    /// Leaves the object open until the process ends, where closing it would try to write again to a full disk.
    func abandon() { isOpen = false }

    /// Closes the object now, where it matters whether that works: what was written may fail to reach the disk.
    func close(_ call: String, _ path: String) throws {
        guard isOpen else { return }
        isOpen = false
        try HDF5Library.enter { _ = try HDF5Library.check(closing(identifier), call, path) }
    }
}
