import Foundation

/// Writes a file that is either whole or not there: under a temporary name beside it, synced, then renamed.
package final class AtomicFile {
    private let path: String
    private let temporary: String
    private var descriptor: Int32
    private var pending: [UInt8] = []

    private init(path: String) throws {
        self.path = path
        temporary = path + ".partial-\(getpid())"
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.system(path, "creating it") }
    }

    /// Creates or replaces the file at `path` with what `body` writes. Where `body` or the disk fails, the old file,
    /// if any, stays as it was and nothing else is left behind.
    ///
    /// - Throws: `FileError` for the disk's part, and whatever `body` throws.
    package static func write(_ path: String, _ body: (AtomicFile) throws -> Void) throws {
        let file = try AtomicFile(path: path)
        do {
            try body(file)
            try file.flush()
            guard fsync(file.descriptor) == 0 else { throw FileError.system(path, "syncing it") }
            guard close(file.descriptor) == 0 else {
                file.descriptor = -1
                throw FileError.system(path, "closing it")
            }
            file.descriptor = -1
            guard unsafe rename(file.temporary, path) == 0 else {
                throw FileError.system(path, "renaming it into place")
            }
        } catch {
            if file.descriptor >= 0 { close(file.descriptor) }
            unsafe unlink(file.temporary)
            throw error
        }
        syncFolder(of: path)
    }

    /// Creates or replaces the file at `path` with the given text.
    package static func write(_ path: String, text: String) throws {
        try write(path) { try $0.write(Array(text.utf8)) }
    }

    /// Adds bytes at the end.
    package func write(_ bytes: [UInt8]) throws {
        pending.append(contentsOf: bytes)
        if pending.count >= 1 << 20 { try flush() }
    }

    /// Makes a rename in this folder last through a power cut.
    package static func syncFolder(of path: String) {
        let parent = (path as NSString).deletingLastPathComponent
        let folder = unsafe open(parent.isEmpty ? "." : parent, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    private func flush() throws {
        var start = 0
        while start < pending.count {
            let written = unsafe pending.withUnsafeBytes { bytes in
                unsafe Foundation.write(descriptor, bytes.baseAddress! + start, bytes.count - start)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw FileError.system(path, "writing it") }
            start += written
        }
        pending.removeAll(keepingCapacity: true)
    }
}
