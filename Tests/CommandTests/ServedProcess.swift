import FalconJSON
import FalconTestSupport
import Foundation

/// `falcon-serve` as a user starts it, on a free port of this computer, with requests as bytes of a socket.
final class ServedProcess: @unchecked Sendable {
    /// Whether this build has the web server; else the command only says that it has none.
    static var isBuilt: Bool {
        #if Server
            true
        #else
            false
        #endif
    }

    static let target = Fixtures.repository + "/Checkpoints/target"

    struct NotServing: Error { let stderr: String }

    let process = Process()
    let port: UInt16
    private let folder: TemporaryFolder

    /// - Parameters:
    ///   - arguments: beside the target, which requests call `m`, and the port.
    ///   - target: the embedded one unless told otherwise.
    init(_ arguments: [String] = [], target: String = ServedProcess.target) throws {
        folder = try TemporaryFolder()
        let stderr = try folder.write("", to: "stderr")
        process.executableURL = URL(fileURLWithPath: CommandRunner.productsFolder + "/falcon-serve")
        process.arguments =
            ["--target", target, "--served-model-name", "m", "--port", "0", "--threads", "2"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: stderr))
        try process.run()
        var (found, said) = (UInt16?.none, "")
        let place = /serving m at http:\/\/127\.0\.0\.1:(\d+)\/v1\n/
        PseudoTerminal.wait { [process] in
            said = (try? String(contentsOfFile: stderr, encoding: .utf8)) ?? ""
            found = said.firstMatch(of: place).flatMap { UInt16($0.1) }
            return found != nil || !process.isRunning
        }
        guard let found else {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            throw NotServing(stderr: said)
        }
        port = found
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// What it said on standard error so far.
    var stderr: String { (try? String(contentsOfFile: folder.file("stderr"), encoding: .utf8)) ?? "" }

    /// The bytes of a request that ends its connection.
    static func request(
        _ method: String, _ path: String, _ body: String = "", headers: [String] = ["Content-Type: application/json"]
    ) -> [UInt8] {
        let head =
            ["\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close"] + headers
            + (body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"])
        return Array((head.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }

    /// Sends a request and reads the whole answer.
    func ask(
        _ path: String, _ body: String, method: String = "POST",
        headers: [String] = ["Content-Type: application/json"]
    ) throws -> HTTPAnswer {
        try send(ServedProcess.request(method, path, body, headers: headers))
    }

    func get(_ path: String, headers: [String] = []) throws -> HTTPAnswer {
        try ask(path, "", method: "GET", headers: headers)
    }

    /// Sends bytes, whatever they are, and reads what comes back.
    func send(_ bytes: [UInt8]) throws -> HTTPAnswer {
        let connection = try ClientConnection(port: port)
        connection.send(bytes)
        return try HTTPAnswer(connection.readAll())
    }
}

/// A connection of a test's client.
final class ClientConnection {
    private let socket: Int32
    private var isOpen = true
    /// What was read so far.
    private(set) var bytes: [UInt8] = []

    struct Refused: Error {}

    /// - Parameter receiveBuffer: bytes that the system holds for a client that reads slowly.
    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        #if os(Linux)
            socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            socket = Foundation.socket(AF_INET, SOCK_STREAM, 0)
            var noSignal: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &noSignal, socklen_t(MemoryLayout<Int32>.size))
        #endif
        if var receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        // No test waits for ever.
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            Foundation.close(socket)
            throw Refused()
        }
    }

    deinit { close() }

    func close() {
        if isOpen { Foundation.close(socket) }
        isOpen = false
    }

    /// Sends as much as the other side takes: it may have answered and closed before all of it is there.
    func send(_ bytes: [UInt8]) {
        #if os(Linux)
            let flags: Int32 = 0x4000  // MSG_NOSIGNAL
        #else
            let flags: Int32 = 0
        #endif
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.send(socket, $0.baseAddress, $0.count, flags) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Says that nothing more will be sent.
    func endSending() { shutdown(socket, Int32(SHUT_WR)) }

    /// Reads further bytes; false at the end.
    private func readMore() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        bytes += buffer.prefix(count)
        return true
    }

    /// Reads until a text has come; false where the other side ends before.
    func read(until text: String) -> Bool {
        let wanted = Array(text.utf8)
        while !bytes.contains(wanted) {
            guard readMore() else { return false }
        }
        return true
    }

    func readAll() -> [UInt8] {
        while readMore() {}
        return bytes
    }
}

/// An answer of HTTP/1.1, taken apart strictly.
struct HTTPAnswer {
    let status: Int
    /// By names in lower case.
    let headers: [String: String]
    let body: [UInt8]

    struct Malformed: Error { let text: String }

    init(_ bytes: [UInt8]) throws {
        let malformed = Malformed(text: String(decoding: bytes.prefix(2000), as: UTF8.self))
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)),
            let head = String(validating: bytes[..<end.lowerBound], as: UTF8.self)
        else { throw malformed }
        var lines = head.components(separatedBy: "\r\n")
        let first = lines.removeFirst().split(separator: " ")
        guard first.count >= 2, first[0] == "HTTP/1.1", let status = Int(first[1]) else { throw malformed }
        self.status = status
        var headers: [String: String] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { throw malformed }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        self.headers = headers
        var rest = bytes[end.upperBound...]
        guard headers["transfer-encoding"] == "chunked" else {
            guard headers["content-length"].flatMap({ Int($0) }) == rest.count else { throw malformed }
            body = Array(rest)
            return
        }
        var body: [UInt8] = []
        while true {
            guard let line = rest.firstRange(of: Array("\r\n".utf8)),
                let count = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16),
                rest.endIndex - line.upperBound >= count + 2
            else { throw malformed }
            body += rest[line.upperBound..<line.upperBound + count]
            rest = rest[(line.upperBound + count + 2)...]
            if count == 0 { break }
        }
        guard rest.isEmpty else { throw malformed }
        self.body = body
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    var json: JSONValue { get throws { try JSONParser.parse(body) } }

    /// The data of server-sent events, each of one line, the last one `[DONE]`, which is left out.
    var events: [JSONValue] {
        get throws {
            let malformed = Malformed(text: String(text.suffix(2000)))
            guard headers["content-type"]?.hasPrefix("text/event-stream") == true,
                String(validating: body, as: UTF8.self) != nil, text.hasSuffix("\n\n")
            else { throw malformed }
            var frames = text.dropLast(2).components(separatedBy: "\n\n")
            guard frames.popLast() == "data: [DONE]" else { throw malformed }
            return try frames.map { frame in
                guard frame.hasPrefix("data: "), !frame.contains("\n") else { throw malformed }
                return try JSONParser.parse(Array(frame.dropFirst(6).utf8))
            }
        }
    }
}
