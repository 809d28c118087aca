import FalconJSON
import FalconTestSupport
import Foundation
import Testing

/// `mpirun -n 2 falcon-train`: one head, trained by two processes, as by one.
@Suite(.serialized, .enabled(if: RankedCommand.isThere, Comment(rawValue: RankedCommand.why)))
struct ClusterCommandTests {
    private static let steps = 5

    /// Chats as features, and a recipe with every random source in use.
    private func recipe(in folder: TemporaryFolder, steps: Int = steps) throws -> String {
        let features = folder.file("features")
        if !FileManager.default.fileExists(atPath: features) {
            _ = try PipelineCommandTests.succeed(
                "falcon-gen-data",
                [
                    "--target", PipelineCommandTests.target, "--dataset", PipelineCommandTests.chats, "--output",
                    features, "--range", "0:24", "--max-length", "96", "--quiet",
                ])
        }
        return try folder.write(
            """
            [target]
            path = "\(PipelineCommandTests.target)"
            [data]
            shards = "\(features)"
            max_length = 96
            validation_fraction = 0.2
            [draft]
            dropout = 0.1
            [loss]
            hard_label = "sample"
            [optimizer]
            learning_rate = 2e-3
            [schedule]
            warmup_steps = 2
            [training]
            epochs = 100
            max_steps = \(steps)
            checkpoint_every_steps = 2
            [evaluation]
            every_steps = 0
            dialogues = 1
            sequences = 2
            """, to: "recipe-\(steps).toml")
    }

    /// The checkpoint of the last step is the one of a single process with the same slices.
    private func expectAsOne(_ run: String, _ recipe: String, in folder: TemporaryFolder) throws {
        let one = folder.file("one")
        if !FileManager.default.fileExists(atPath: one) {
            _ = try PipelineCommandTests.succeed(
                "falcon-train", ["--recipe", recipe, "--set", "training.slices=8", "--output", one, "--quiet"])
        }
        let last = "/step-00000\(Self.steps)"
        let names = try Fixtures.contents(of: one + last)
        #expect(names.contains("optimizer.safetensors") && names.contains("state.json"))
        for name in names {
            #expect(
                FileManager.default.contentsEqual(
                    atPath: one + last + "/" + name, andPath: run + last + "/" + name), "\(name)")
        }
    }

    private func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n").filter { $0.hasPrefix("falcon-train: ") }
    }

    private func loggedSteps(_ run: String) -> Int {
        (FileManager.default.contents(atPath: run + "/metrics.jsonl") ?? Data()).count { $0 == UInt8(ascii: "\n") }
    }

    @Test func `two ranks leave the checkpoint of one process`() throws {
        let folder = try TemporaryFolder()
        let (recipe, run, json) = (try recipe(in: folder), folder.file("two"), folder.file("two.json"))
        let result = try RankedCommand(
            2, "falcon-train", ["--recipe", recipe, "--output", run, "--json", json, "--quiet"]
        ).finish()
        #expect(result.status == 0 && result.stderr.isEmpty, "\(result.stderr)")
        let figures = try JSONParser.parse(Array(Data(contentsOf: URL(fileURLWithPath: json))))
        #expect(figures["ranks"]?.integer == 2)
        #expect(figures["timeline"]?.array?.allSatisfy { $0["ranks"]?.array?.count == 2 } ?? false)
        try expectAsOne(run, recipe, in: folder)
    }

    @Test func `a rank that is killed ends all, and another number of ranks goes on`() throws {
        let folder = try TemporaryFolder()
        let (recipe, run) = (try recipe(in: folder), folder.file("killed"))
        let command = try RankedCommand(2, "falcon-train", ["--recipe", recipe, "--output", run, "--quiet"])
        let wasThere = command.signal(SIGKILL, rank: 1) { loggedSteps(run) >= 3 }
        let killed = try command.finish()
        // On a busy machine it may have ended before anyone looked.
        #expect(!wasThere || killed.status != 0)
        #expect(!wasThere || killed.stderr.contains("rank 1"), "\(killed.stderr)")
        let resumed = try RankedCommand(
            4, "falcon-train", ["--recipe", recipe, "--output", run, "--resume", "--quiet"]
        ).finish()
        #expect(resumed.status == 0, "\(resumed.stderr)")
        try expectAsOne(run, recipe, in: folder)
    }

    @Test func `a rank that hangs is named in one line, and all end`() throws {
        let folder = try TemporaryFolder()
        let (recipe, run) = (try recipe(in: folder, steps: 2000), folder.file("hung"))
        let command = try RankedCommand(2, "falcon-train", ["--recipe", recipe, "--output", run, "--quiet"])
        #expect(command.signal(SIGSTOP, rank: 1) { loggedSteps(run) >= 1 })
        let hung = try command.finish()
        #expect(hung.status != 0 && lines(hung.stderr).count == 1, "\(hung.stderr)")
        #expect(hung.stderr.contains("falcon-train: rank 1 (process "), "\(hung.stderr)")
    }

    @Test func `a signal to one rank saves a checkpoint of all`() throws {
        let folder = try TemporaryFolder()
        let (long, run) = (try recipe(in: folder, steps: 2000), folder.file("stopped"))
        let command = try RankedCommand(2, "falcon-train", ["--recipe", long, "--output", run, "--quiet"])
        #expect(command.signal(SIGTERM, rank: 1) { loggedSteps(run) >= 1 })
        let stopped = try command.finish()
        #expect(stopped.status != 0 && lines(stopped.stderr).count == 1, "\(stopped.stderr)")
        #expect(stopped.stderr.contains("is saved at step"), "\(stopped.stderr)")
        let saved = try String(contentsOfFile: run + "/latest", encoding: .utf8)
        #expect(FileManager.default.fileExists(atPath: run + "/" + saved.dropLast() + "/state.json"))
    }

    @Test func `wrong input is told once`() throws {
        let folder = try TemporaryFolder()
        let recipe = try recipe(in: folder)
        for (ranks, status, arguments, words) in [
            (2, 1, ["--recipe", folder.file("none.toml")], "none.toml: no such file"),
            (3, 1, ["--recipe", recipe], "3 ranks cannot share"),
            (4, 1, ["--recipe", recipe, "--set", "training.slices=2"], "training.slices is 2, too few for 4 ranks"),
            (2, 1, ["--recipe", recipe, "--set", "target.path=\(folder.file("none"))"], "no such folder"),
            (2, 1, ["--recipe", recipe, "--set", "glance.schedule=adaptive"], "glance.schedule cannot be"),
            (2, 64, ["--recipe", recipe, "--set", "training.slice=8"], "training.slice"),
        ] as [(Int, Int32, [String], String)] {
            let result = try RankedCommand(
                ranks, "falcon-train", arguments + ["--output", folder.file("run"), "--quiet"]
            ).finish()
            #expect(result.status == status && lines(result.stderr).count == 1, "\(result.status), \(result.stderr)")
            #expect(result.stderr.contains(words), "\(result.stderr)")
        }
    }
}

/// What a launcher's processes do where they need not talk to each other.
@Suite(.serialized, .enabled(if: RankedCommand.hasLauncher, "mpirun is not installed"))
struct LaunchedCommandTests {
    @Test func `each rank of falcon-gen-data makes its part`() throws {
        let folder = try TemporaryFolder()
        func arguments(_ output: String) -> [String] {
            [
                "--target", PipelineCommandTests.target, "--dataset", PipelineCommandTests.chats, "--output", output,
                "--range", "0:12", "--max-length", "64", "--conversations-per-shard", "3", "--quiet",
            ]
        }
        let (one, two) = (folder.file("one"), folder.file("two"))
        _ = try PipelineCommandTests.succeed("falcon-gen-data", arguments(one))
        let result = try RankedCommand(2, "falcon-gen-data", arguments(two), needsMPI: false).finish()
        #expect(result.status == 0, "\(result.stderr)")
        // Its own shards first: a process that is early may go on with the other's.
        let made = result.stdout.matches(of: /= (\d+) conversations/).compactMap { Int($0.1) }
        #expect(made.count == 2 && made.reduce(0, +) == 12, "\(result.stdout)")
        let names = try Fixtures.contents(of: one)
        #expect(try Fixtures.contents(of: two) == names && names.count >= 5)
        for name in names {
            #expect(FileManager.default.contentsEqual(atPath: one + "/" + name, andPath: two + "/" + name), "\(name)")
        }
    }

    #if !MPI
        @Test func `falcon-train without MPI says so once`() throws {
            let result = try RankedCommand(2, "falcon-train", ["--recipe", "none.toml"], needsMPI: false).finish()
            let lines = result.stderr.split(separator: "\n").filter { $0.hasPrefix("falcon-train: ") }
            #expect(result.status == 1 && lines.count == 1 && lines[0].contains("--traits MPI"), "\(result.stderr)")
        }
    #endif
}
