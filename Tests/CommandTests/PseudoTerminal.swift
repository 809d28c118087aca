import FalconTestSupport
import Foundation
import Synchronization

/// A terminal of a test's own, on which commands run.
final class PseudoTerminal: @unchecked Sendable {
    private let terminal: Int32
    private let name: String
    private let read = Mutex<[UInt8]>([])
    private let isClosed = Mutex(false)

    struct NoTerminal: Error {}

    /// One command may run on it; `close` ends it.
    ///
    /// - Parameter columns: its width; 0 does not say.
    init(columns: UInt16 = 80) throws {
        #if os(Linux)
            terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            // TIOCSPTLCK unlocks the other side, TIOCGPTN numbers it; C's own calls are not imported.
            var (lock, number): (Int32, UInt32) = (0, 0)
            guard terminal >= 0, ioctl(terminal, 0x4004_5431, &lock) == 0, ioctl(terminal, 0x8004_5430, &number) == 0
            else { throw NoTerminal() }
            name = "/dev/pts/\(number)"
        #else
            terminal = posix_openpt(O_RDWR | O_NOCTTY)
            guard terminal >= 0, grantpt(terminal) == 0, unlockpt(terminal) == 0, let path = ptsname(terminal) else {
                throw NoTerminal()
            }
            name = String(cString: path)
        #endif
        setColumns(columns)
    }

    func setColumns(_ columns: UInt16) {
        var size = winsize(ws_row: columns == 0 ? 0 : 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    }

    /// Starts a command with all three of its streams on the terminal, or with some of them elsewhere.
    func start(_ command: String, _ arguments: [String], output: FileHandle? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandRunner.productsFolder + "/" + command)
        process.arguments = arguments
        let side = open(name, O_RDWR | O_NOCTTY)
        guard side >= 0 else { throw NoTerminal() }
        let handle = FileHandle(fileDescriptor: side, closeOnDealloc: true)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output ?? handle
        process.standardError = handle
        process.environment = ProcessInfo.processInfo.environment.merging(["TERM": "xterm", "NO_COLOR": "1"]) { $1 }
        try process.run()
        try handle.close()
        let thread = Thread { [self, terminal] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            // A read that waits would keep a terminal from going away.
            while !isClosed.withLock({ $0 }) {
                var waiting = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
                guard poll(&waiting, 1, 20) > 0, waiting.revents & Int16(POLLIN) != 0 else {
                    if waiting.revents != 0 { Thread.sleep(forTimeInterval: 0.01) }
                    continue
                }
                let count = Foundation.read(terminal, &buffer, buffer.count)
                if count > 0 { read.withLock { $0 += buffer.prefix(count) } }
            }
            Foundation.close(terminal)
        }
        thread.start()
        return process
    }

    /// What was shown so far.
    var text: String { read.withLock { String(decoding: $0, as: UTF8.self) } }

    /// The terminal goes away, or is given back at a test's end.
    func close() { isClosed.withLock { $0 = true } }

    /// Waits until something is true, half a minute at most.
    static func wait(_ condition: () -> Bool) {
        for _ in 0..<3000 where !condition() { Thread.sleep(forTimeInterval: 0.01) }
    }
}
