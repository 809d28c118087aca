import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct FileTests {
    @Test("a mapped file gives its bytes, and a missing one its name")
    func mapping() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([1, 2, 3, 4, 5], to: "five")
        let file = try MappedFile(path: path)
        #expect(file.count == 5 && file.bytes(1..<3) == [2, 3] && file.integer(UInt32.self, at: 1) == 0x0504_0302)
        #expect(try MappedFile(path: folder.write([UInt8](), to: "empty")).count == 0)
        #expect(throws: FileError(folder.file("none"), "no such file")) { try MappedFile(path: folder.file("none")) }
        #expect(throws: FileError(folder.path, "is not a plain file")) { try MappedFile(path: folder.path) }
    }

    @Test("an atomic file is whole or absent")
    func atomicFile() throws {
        struct Interrupted: Error {}
        let folder = try TemporaryFolder()
        let path = folder.file("state")
        try AtomicFile.write(path, text: "old")
        #expect(throws: Interrupted.self) {
            try AtomicFile.write(path) { file in
                try file.write([UInt8](repeating: 7, count: 3 << 20))
                throw Interrupted()
            }
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["state"])
        try AtomicFile.write(path) { try $0.write([UInt8](repeating: 7, count: 3 << 20)) }
        #expect(try MappedFile(path: path).count == 3 << 20)
        #expect(throws: FileError.self) { try AtomicFile.write(folder.file("no/such/folder"), text: "") }
    }
}

@Suite struct RandomSourceTests {
    @Test("a stream that was saved goes on where it stood")
    func restart() throws {
        var source = RandomSource(seed: 1).stream("noise")
        for _ in 0..<5 { _ = source.next() }
        var copy = try JSONDecoder().decode(RandomSource.self, from: JSONEncoder().encode(source))
        #expect((0..<9).map { _ in source.next() } == (0..<9).map { _ in copy.next() })
        var other = RandomSource(seed: 1).stream("dropout")
        #expect(other.next() != RandomSource(seed: 1).stream("noise").firstValue)
    }

    @Test("uniform and normal numbers have their mean and spread")
    func moments() {
        var source = RandomSource(seed: 2)
        let uniform = (0..<100_000).map { _ in source.uniformDouble() }
        let normal = (0..<100_000).map { _ in Double(source.normal()) }
        let mean = uniform.reduce(0, +) / 1e5
        #expect(abs(mean - 0.5) < 0.005 && uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(normal.reduce(0, +) / 1e5) < 0.015)
        #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / 1e5 - 1) < 0.02)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[source.below(7)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    }
}

extension RandomSource {
    fileprivate var firstValue: UInt64 {
        var copy = self
        return copy.next()
    }
}
