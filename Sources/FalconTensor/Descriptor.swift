import Foundation

/// Open files by their numbers: what a command was started with, and what it opens to write into.
package enum Descriptor {
    /// Writes all of some bytes, also where the other side takes them piece by piece.
    ///
    /// - Parameter patience: seconds to wait for a descriptor that takes nothing at the moment (a terminal that was
    ///   set not to block); `nil` waits without end.
    /// - Returns: 0, or the system's number for why not all could be written.
    package static func write(_ bytes: [UInt8], to descriptor: Int32, patience: Double? = nil) -> Int32 {
        var start = 0
        while start < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Foundation.write(descriptor, bytes.baseAddress! + start, bytes.count - start)
            }
            if written > 0 {
                start += written
                continue
            }
            let problem = written < 0 ? errno : EIO
            if problem == EINTR { continue }
            guard problem == EAGAIN else { return problem }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let answer = unsafe poll(&waiting, 1, patience.map { Int32($0 * 1000) } ?? -1)
            if answer == 0 { return EAGAIN }
            if answer < 0, errno != EINTR { return errno }
        }
        return 0
    }

    /// Whether it is open and may be written to.
    package static func isWritable(_ descriptor: Int32) -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        return flags >= 0 && flags & O_ACCMODE != O_RDONLY
    }

    /// Puts something in the place of standard input, output and error where the command was started without them
    /// (`2>&-`): the next file that is opened would get the number, and lines for people would be written into it.
    /// Reading then finds an end, writing fails.
    package static func fillStandardOnes() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            // Gets the lowest free number, which is this one.
            _ = unsafe open("/dev/null", O_RDONLY)
        }
    }
}

/// What a terminal says of itself.
package enum TerminalSize {
    /// How many columns a terminal has: 80 where it does not say, as on a serial line.
    package static func columns(of descriptor: Int32) -> Int {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
