import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@Suite struct MemoryLimitTests {
    private func limit(_ membership: String, _ files: [String: String]) throws -> Int {
        let folder = try TemporaryFolder()
        for (name, text) in files {
            let path = folder.file(name)
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        return MemoryLimit.byteCount(physical: 1000, groups: folder.path, membership: membership)
    }

    @Test func `the machine's memory counts where no group allows less`() throws {
        #expect(try limit("", [:]) == 1000)
        #expect(try limit("0::/\n", [:]) == 1000)
        #expect(try limit("0::/a\n", ["a/memory.max": "max\n"]) == 1000)
        #expect(try limit("0::/a\n", ["a/memory.max": "5000\n"]) == 1000)
        // Version 1 says "no limit" so.
        #expect(try limit("3:memory:/\n", ["memory/memory.limit_in_bytes": "9223372036854771712\n"]) == 1000)
        #expect(try limit("damaged\n0:\n0::/../..\n", ["memory.max": "no number\n"]) == 1000)
        #expect(MemoryLimit.byteCount > 0)
    }

    @Test func `the narrowest of a group and those around it counts`() throws {
        #expect(try limit("0::/\n", ["memory.max": "400\n"]) == 400)
        #expect(try limit("0::/a/b\n", ["a/memory.max": "300\n", "a/b/memory.max": "max\n"]) == 300)
        #expect(try limit("0::/a/b\n", ["a/memory.max": "300\n", "a/b/memory.max": "200\n"]) == 200)
        #expect(try limit("0::/a\n", ["memory.max": "100\n", "a/memory.max": "300\n"]) == 100)
        #expect(try limit("5:cpu,memory:/a\n", ["memory/a/memory.limit_in_bytes": "70\n"]) == 70)
        #expect(try limit("5:cpu:/a\n", ["memory/a/memory.limit_in_bytes": "70\n"]) == 1000)
    }
}
