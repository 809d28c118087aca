import Foundation

/// Writes a file that is either whole or not there: under a temporary name beside it, synced, then renamed.
///
/// A symbolic link is followed, and the file behind it replaced. What is no plain file, a device, a named pipe or a
/// descriptor that the process was started with, is written into: nothing could be renamed over it.
package final class AtomicFile {
    private let path: String
    private let descriptor: Int32
    private var pending: [UInt8] = []

    private init(path: String, descriptor: Int32) throws {
        guard descriptor >= 0 else { throw FileError.system(path, "opening it") }
        (self.path, self.descriptor) = (path, descriptor)
    }

    deinit { close(descriptor) }

    /// Creates or replaces the file at `path` with what `body` writes. Where `body` or the disk fails, the old file,
    /// if any, stays as it was and nothing else is left behind.
    ///
    /// - Throws: `FileError` for the disk's part, and whatever `body` throws.
    package static func write(_ path: String, _ body: (AtomicFile) throws -> Void) throws {
        switch try OutputPlace.of(path) {
        case .file(let real): try replace(real, named: path, body)
        case .special(let real):
            // A named pipe waits here for its reader.
            let file = try AtomicFile(path: path, descriptor: unsafe open(real, O_WRONLY | O_CLOEXEC | O_NOCTTY))
            try body(file)
            try file.flush()
        case .descriptor(let number):
            let file = try AtomicFile(path: path, descriptor: fcntl(number, F_DUPFD_CLOEXEC, 3))
            try body(file)
            try file.flush()
        }
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
        let folder = unsafe open(OutputPlace.parent(of: path), O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    private static func replace(_ real: String, named path: String, _ body: (AtomicFile) throws -> Void) throws {
        let temporary = temporaryName(real)
        UnfinishedFiles.begin(temporary)
        defer { UnfinishedFiles.end(temporary) }
        let file = try AtomicFile(
            path: path, descriptor: unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644))
        do {
            var old = stat()
            // Who could not read the old file should not be able to read the new one.
            if unsafe stat(real, &old) == 0 { fchmod(file.descriptor, old.st_mode & 0o7777) }
            try body(file)
            try file.flush()
            guard fsync(file.descriptor) == 0 else { throw FileError.system(path, "syncing it") }
            if unsafe rename(temporary, real) != 0 {
                // Nothing can be renamed over a file that is mounted by itself, as containers do it.
                guard errno == EBUSY else { throw FileError.system(path, "renaming it into place") }
                try copy(temporary, into: real, named: path)
                unsafe unlink(temporary)
            }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        syncFolder(of: real)
    }

    /// Beside the file, since only there it can be renamed. Readers of folders know it by its ending.
    private static func temporaryName(_ real: String) -> String {
        let ending = ".partial-\(getpid())"
        let name = (real as NSString).lastPathComponent
        // A name may have 255 bytes.
        guard name.utf8.count + ending.utf8.count > 255 else { return real + ending }
        return OutputPlace.parent(of: real) + "/.falcon-\(name.utf8.reduce(5381) { $0 &* 33 &+ Int($1) })" + ending
    }

    /// Overwrites a file with another one, which is whole.
    private static func copy(_ source: String, into real: String, named path: String) throws {
        let content = try MappedFile(path: source)
        let file = try AtomicFile(path: path, descriptor: unsafe open(real, O_WRONLY | O_CLOEXEC))
        for start in stride(from: 0, to: content.count, by: 1 << 20) {
            try file.write(content.bytes(start..<min(start + 1 << 20, content.count)))
        }
        try file.flush()
        guard ftruncate(file.descriptor, off_t(content.count)) == 0, fsync(file.descriptor) == 0 else {
            throw FileError.system(path, "writing it")
        }
    }

    private func flush() throws {
        let problem = Descriptor.write(pending, to: descriptor)
        guard problem == 0 else { throw FileError.system(path, "writing it", code: problem) }
        pending.removeAll(keepingCapacity: true)
    }
}
