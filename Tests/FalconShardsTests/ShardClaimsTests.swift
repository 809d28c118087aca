import FalconShards
import FalconTestSupport
import Foundation
import Synchronization
import Testing

@Suite struct ShardClaimsTests {
    private struct Scene {
        let folder: TemporaryFolder
        let shards: ShardFolder

        init() throws {
            folder = try TemporaryFolder()
            shards = try ShardFolder(
                path: folder.file("out"), description: ShardExamples.description(), settings: ["dataset": "abc"])
        }

        /// Claims a shard in the name of another process.
        func writeClaim(_ shard: Int, host: String, process: Int32, started: Int, count: Int = 0) throws {
            try folder.write(
                """
                {"count":\(count),"owner":{"host":"\(host)","process":\(process),"started":\(started)}}
                """, to: "out/shard-0000\(shard).claim")
        }

        /// What this system writes into its own claims.
        func ownHost() throws -> String {
            guard case .mine(let claim) = try ShardClaims(shards).take(9) else { return "" }
            defer { withExtendedLifetime(claim) {} }
            let text = try String(contentsOfFile: folder.file("out/shard-00009.claim"), encoding: .utf8)
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            return (object?["owner"] as? [String: Any])?["host"] as? String ?? ""
        }
    }

    /// The number of a process that has ended.
    private func endedProcess() throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exit 0"]
        try process.run()
        process.waitUntilExit()
        return process.processIdentifier
    }

    private func word(_ answer: ShardClaims.Answer) -> String {
        switch answer {
        case .mine: "mine"
        case .finished: "finished"
        case .held(let isAlive): isAlive ? "alive" : "silent"
        }
    }

    @Test func `a shard is claimed by one process until it is given back`() throws {
        let scene = try Scene()
        do {
            let answer = try ShardClaims(scene.shards).take(3)
            #expect(word(answer) == "mine")
            #expect(word(try ShardClaims(scene.shards).take(3)) == "alive")
            #expect(word(try ShardClaims(scene.shards).take(4)) == "mine")
            withExtendedLifetime(answer) {}
        }
        #expect(word(try ShardClaims(scene.shards).take(3)) == "mine")
        #expect(try scene.folder.contents == ["out"])
    }

    @Test func `the claim of a process that ended on this system is taken over at once`() throws {
        let scene = try Scene()
        let host = try scene.ownHost()
        try scene.writeClaim(1, host: host, process: endedProcess(), started: 5)
        try scene.folder.write("half", to: "out/shard-00001.h5.partial-77")
        try scene.folder.write("half", to: "out/shard-00001.json.partial-77")
        #expect(word(try ShardClaims(scene.shards).take(1)) == "mine")
        #expect(!FileManager.default.fileExists(atPath: scene.folder.file("out/shard-00001.h5.partial-77")))
        #expect(!FileManager.default.fileExists(atPath: scene.folder.file("out/shard-00001.json.partial-77")))
        #if os(Linux)
            // A later process that was given the same number is another one.
            try scene.writeClaim(2, host: host, process: getpid(), started: 5)
            #expect(word(try ShardClaims(scene.shards).take(2)) == "mine")
        #endif
    }

    @Test func `a claim from elsewhere is stale when it kept still for the lease, by this process's own clock`() throws
    {
        let scene = try Scene()
        let time = Mutex(0.0)
        let claims = ShardClaims(scene.shards, lease: 60) { time.withLock { $0 } }
        try scene.writeClaim(1, host: "elsewhere", process: 1, started: 1)
        #expect(word(try claims.take(1)) == "silent")
        time.withLock { $0 = 59 }
        #expect(word(try claims.take(1)) == "silent")
        try scene.writeClaim(1, host: "elsewhere", process: 1, started: 1, count: 1)
        time.withLock { $0 = 61 }
        #expect(word(try claims.take(1)) == "alive")
        time.withLock { $0 = 120 }
        #expect(word(try claims.take(1)) == "silent")
        time.withLock { $0 = 121 }
        #expect(word(try claims.take(1)) == "mine")
        // Not JSON at all: half-written, or another program's. Nobody answers for it.
        try scene.folder.write("{", to: "out/shard-00002.claim")
        #expect(word(try claims.take(2)) == "silent")
    }

    @Test func `a sweep removes what ended processes left, and nothing of a living one`() throws {
        let scene = try Scene()
        let claims = ShardClaims(scene.shards)
        let contents = try ShardExamples.write(
            ShardExamples.sequences([4]), scene.shards.description, to: scene.shards.shardPath(0))
        try scene.shards.record(0, contents)
        let ended = try endedProcess()
        try scene.writeClaim(0, host: scene.ownHost(), process: ended, started: 5)
        let answer = try claims.take(1)
        for name in [
            "shard-00000.h5.partial-1", "shard-00001.h5.partial-2", "shard-00002.json.partial-3",
            "manifest.json.partial-4",
        ] {
            try scene.folder.write("half", to: "out/\(name)")
        }
        try claims.sweep()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scene.folder.file("out")).sorted() == [
                "manifest.json", "manifest.lock", "shard-00000.h5", "shard-00000.json", "shard-00001.claim",
                "shard-00001.h5.partial-2",
            ])
        #expect(word(try claims.take(0)) == "finished")
        withExtendedLifetime(answer) {}
    }

    @Test func `a claim counts up while it is held`() throws {
        let scene = try Scene()
        let answer = try ShardClaims(scene.shards, lease: 0.3).take(1)
        let path = scene.folder.file("out/shard-00001.claim")
        let before = try String(contentsOfFile: path, encoding: .utf8)
        // Two minutes: only a claim that never counts fails.
        for _ in 0..<12_000 where try String(contentsOfFile: path, encoding: .utf8) == before {
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) != before)
        withExtendedLifetime(answer) {}
    }
}
