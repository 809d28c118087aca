import Foundation

/// Where writing to a path leads.
package enum OutputPlace: Equatable, Sendable {
    /// A plain file, there or not: the path behind all symbolic links. It is replaced as a whole.
    case file(String)
    /// A device or a named pipe: written into.
    case special(String)
    /// A descriptor that the process was started with (`/dev/stdout`, `/dev/fd/63`): written into.
    case descriptor(Int32)

    /// Follows a path. Nothing is opened.
    ///
    /// - Throws: `FileError` for a folder, for links that go round in a ring, and for what may not be looked at.
    package static func of(_ path: String) throws -> OutputPlace {
        var current = path
        // As many links as Linux follows.
        for _ in 0...40 {
            if let descriptor = ownDescriptor(current) { return .descriptor(descriptor) }
            guard let kind = FileKind(current, followingLinks: false) else {
                guard errno == ENOENT else { throw FileError.system(path, "opening it") }
                return .file(current)
            }
            switch kind {
            case .plain: return .file(current)
            case .folder: throw FileError(path, "is a folder; name a file in it")
            case .special: return .special(current)
            case .link:
                var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
                let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                    unsafe readlink(current, bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
                }
                guard count > 0 else { throw FileError.system(path, "following the link") }
                let target = String(decoding: buffer.prefix(count), as: UTF8.self)
                let next = target.hasPrefix("/") ? target : parent(of: current) + "/" + target
                // Links below /proc read as no path at all, and lead somewhere nevertheless.
                if FileKind(next, followingLinks: false) == nil, FileKind(current, followingLinks: true) != nil {
                    return .special(current)
                }
                current = next
            }
        }
        throw FileError.system(path, "opening it", code: ELOOP)
    }

    /// The folder that a path's last name lies in; "." where there is no other.
    ///
    /// Foundation's own way to it traps on names of one letter.
    package static func parent(of path: String) -> String {
        var rest = Substring(path)
        while rest.count > 1, rest.hasSuffix("/") { rest.removeLast() }
        guard let slash = rest.lastIndex(of: "/") else { return "." }
        var parent = rest[..<slash]
        while parent.count > 1, parent.hasSuffix("/") { parent.removeLast() }
        return parent.isEmpty ? "/" : String(parent)
    }

    /// Why this process may not write to what lies at a path, or into it: the system's number, 0 where it may.
    package static func writingProblem(_ path: String, isFolder: Bool = false) -> Int32 {
        unsafe access(path, isFolder ? W_OK | X_OK : W_OK) == 0 ? 0 : errno
    }

    /// The number of a descriptor of this process that the path stands for: `/dev/fd/3`, or as Linux has it,
    /// `/proc/self/fd/3`, however the folder is spelled.
    private static func ownDescriptor(_ path: String) -> Int32? {
        guard let number = Int32((path as NSString).lastPathComponent), number >= 0,
            let folder = unsafe realpath(parent(of: path), nil)
        else { return nil }
        defer { unsafe free(folder) }
        let name = unsafe String(cString: folder)
        return name == "/dev/fd" || name == "/proc/\(getpid())/fd" ? number : nil
    }
}

/// What lies at a path.
package enum FileKind: Sendable {
    case plain, folder, link
    /// A device, a named pipe, a socket.
    case special

    /// `nil` where nothing does or it may not be looked at; `errno` then says which.
    package init?(_ path: String, followingLinks: Bool = true) {
        var information = stat()
        let result = unsafe followingLinks ? stat(path, &information) : lstat(path, &information)
        guard result == 0 else { return nil }
        switch information.st_mode & S_IFMT {
        case S_IFREG: self = .plain
        case S_IFDIR: self = .folder
        case S_IFLNK: self = .link
        default: self = .special
        }
    }
}

/// One file, however it is spelled: hard links and symbolic links to it have the same identity.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let node: UInt64
    /// Whether two who write to it get in each other's way: not so for devices.
    package let isExclusive: Bool

    /// `nil` where there is no such file.
    package init?(_ path: String) {
        var information = stat()
        guard unsafe stat(path, &information) == 0 else { return nil }
        self.init(information)
    }

    /// `nil` where the descriptor is not open.
    package init?(descriptor: Int32) {
        var information = stat()
        guard unsafe fstat(descriptor, &information) == 0 else { return nil }
        self.init(information)
    }

    private init(_ information: stat) {
        device = UInt64(truncatingIfNeeded: information.st_dev)
        node = UInt64(truncatingIfNeeded: information.st_ino)
        let kind = information.st_mode & S_IFMT
        isExclusive = kind != S_IFCHR && kind != S_IFBLK
    }
}

extension FileIdentity {
    package static func == (left: FileIdentity, right: FileIdentity) -> Bool {
        left.device == right.device && left.node == right.node
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(device)
        hasher.combine(node)
    }
}
