import FalconTestSupport
import Foundation
import Testing

/// Options as people write them: values that begin with a dash, options that would change nothing, bad `--set`s.
@Suite struct OptionCommandTests {
    private static let target = PipelineCommandTests.target

    @Test func `values that begin with a dash are values, options stay options`() throws {
        let infer = ["--target", Self.target, "--max-new-tokens", "2", "--quiet"]
        for prompt in ["-3+5=?", "-", "--", "--- a line", "-x", "--why"] where prompt != "--" {
            let run = try CommandRunner.run("falcon-infer", infer + ["--prompt", prompt])
            #expect(run.status == 0, "\(prompt): \(run)")
        }
        for text in ["-3", "--5", "-x y", "--tetx-of-mine"] {
            let run = try CommandRunner.run("falcon-inspect", ["tokenizer", "--target", Self.target, "--text", text])
            let same = try CommandRunner.run(
                "falcon-inspect", ["tokenizer", "--target", Self.target, "--text=\(text)"])
            #expect(run.status == 0 && run.stdout == same.stdout, "\(text): \(run)")
        }
        // What is an option, or nearly one, is no value.
        for slip in ["-h", "--help", "--draft", "--strem", "--quiet", "--top-k=3"] {
            let run = try CommandRunner.run("falcon-infer", infer + ["--prompt", slip])
            #expect(run.status == 64 && run.stderr.contains("Missing value for '--prompt"), "\(slip): \(run)")
        }
        let numbers: [(String, [String])] = [
            ("falcon-infer", infer + ["--prompt", "x", "--temperature", "1", "--seed", "-1"]),
            ("falcon-infer", infer + ["--prompt", "x", "--top-k", "-1"]),
            ("falcon-infer", infer + ["--prompt", "x", "--temperature", "-0.5"]),
            ("falcon-infer", infer + ["--prompt", "x", "--max-new-tokens", "-1"]),
            ("falcon-infer", infer + ["--prompt", "x", "--threads", "-1"]),
            ("falcon-gen-data", ["--target", "t", "--dataset", "d", "--output", "o", "--regenerate", "--seed", "-1"]),
            ("falcon-gen-data", ["--target", "t", "--dataset", "d", "--output", "o", "--max-length", "-1"]),
            ("falcon-gen-data", ["--target", "t", "--dataset", "d", "--output", "o", "--range", "-1:5"]),
            ("falcon-train", ["--recipe", "r", "--threads", "-1"]), ("falcon-bench", ["decode", "--threads", "-1"]),
            ("falcon-inspect", ["tree", "--tree", "medium", "--block-size", "-x"]),
        ]
        for (name, arguments) in numbers {
            let run = try CommandRunner.run(name, arguments)
            #expect(run.status == 64 && !run.stderr.contains("Missing value"), "\(arguments): \(run)")
        }
    }

    @Test func `options that would change nothing are refused by name`() throws {
        let infer = ["--target", Self.target, "--prompt", "x"]
        let data = ["--target", Self.target, "--dataset", PipelineCommandTests.chats, "--output", "none"]
        let cases: [(name: String, arguments: [String], option: String)] = [
            ("falcon-infer", infer + ["--top-k", "3"], "--top-k"),
            ("falcon-infer", infer + ["--top-p", "0.5"], "--top-p"),
            ("falcon-infer", infer + ["--temperature", "0", "--seed", "3"], "--seed"),
            ("falcon-infer", infer + ["--tree", "small"], "--tree"),
            ("falcon-infer", infer + ["--baseline"], "--baseline"),
            ("falcon-infer", infer + ["--draft-precision", "int8"], "--draft-precision"),
            ("falcon-infer", infer + ["--plan-seconds", "1"], "--plan-seconds"),
            ("falcon-infer", infer + ["--limit", "1"], "--limit"),
            ("falcon-infer", ["--target", "t", "--replay", "r", "--draft", "d", "--top-k", "3"], "--top-k"),
            ("falcon-infer", ["--target", "t", "--replay", "r", "--draft", "d", "--seed", "3"], "--seed"),
            ("falcon-infer", ["--target", "t", "--replay", "r", "--draft", "d", "--template", "x"], "--template"),
            ("falcon-gen-data", data + ["--tree", "small"], "--tree"),
            ("falcon-gen-data", data + ["--seed", "1"], "--seed"),
            ("falcon-gen-data", data + ["--max-new-tokens", "512"], "--max-new-tokens"),
            ("falcon-gen-data", data + ["--regenerate", "--tree", "small"], "--tree"),
            ("falcon-gen-data", data + ["--regenerate", "--top-p", "0.5"], "--top-p"),
            ("falcon-bench", ["decode", "--fusion", "gated"], "--fusion"),
            ("falcon-bench", ["storage", "--size", "M"], "--size"),
            ("falcon-bench", ["kernels", "--no-glance"], "--glance"),
            ("falcon-bench", ["decode", "--sequences", "3"], "--sequences"),
            ("falcon-inspect", ["tree", "--tree", "medium", "--toml", "--json", "-"], "--json"),
            ("falcon-inspect", ["tokenizer", "--target", "t", "--text", "x", "--skip-special"], "--skip-special"),
            ("falcon-inspect", ["masks", "--length", "3", "--index", "1"], "--index"),
            ("falcon-inspect", ["features", "--target", "t", "--tokens", "1", "--output", "o", "--row", "0"], "--row"),
            ("falcon-inspect", ["draft", "--draft", "d", "--input", "i", "--output", "o", "--json", "-"], "--json"),
            ("falcon-inspect", ["shard", "--shards", "s", "--sequence", "0", "--output", "o", "--verify"], "--verify"),
        ]
        for (name, arguments, option) in cases {
            let run = try CommandRunner.run(name, arguments)
            #expect(run.status == 64 && run.stderr.contains("Error: \(option) "), "\(arguments): \(run)")
        }
    }

    @Test func `a bad --set is wrong usage, a bad recipe is not`() throws {
        let folder = try TemporaryFolder()
        let text = PipelineCommandTests.recipe(target: Self.target, shards: folder.file("none"))
        let recipe = try folder.write(text, to: "recipe.toml")
        for setting in [
            "nonsense", "=5", "draft=1", "draft.=1", "a.b.c=1", "draft.blok_size=1", "drft.block_size=1",
            "draft.block_size=two", "draft.block_size=-1", "-x=1", "",
        ] {
            let run = try CommandRunner.run("falcon-train", ["--recipe", recipe, "--set", setting])
            #expect(run.status == 64 && run.stderr.contains("--set"), "\(setting): \(run)")
        }
        let bad = try folder.write(text.replacingOccurrences(of: "block_size", with: "blok_size"), to: "bad.toml")
        #expect(try CommandRunner.run("falcon-train", ["--recipe", bad, "--set", "draft.layers=1"]).status == 1)
    }

    @Test func `the help of --range shows its form`() throws {
        let help = try CommandRunner.run("falcon-gen-data", ["--help"]).stdout
        #expect(help.contains("conversations A:B"))
    }

    @Test(arguments: [UInt16(10), 30, 50, 200, 0]) func `progress fits the terminal`(columns: UInt16) throws {
        let folder = try TemporaryFolder()
        let terminal = try PseudoTerminal(columns: columns)
        let process = try terminal.start(
            "falcon-gen-data",
            [
                "--target", Self.target, "--dataset", PipelineCommandTests.chats, "--output", folder.file("out"),
                "--range", "0:40", "--max-length", "64",
            ], output: FileHandle.nullDevice)
        process.waitUntilExit()
        PseudoTerminal.wait { terminal.text.contains("40/40") }
        terminal.close()
        #expect(process.terminationStatus == 0)
        let drawn = terminal.text.unicodeScalars.split { $0 == "\r" || $0 == "\n" }.map { String($0) }
            .filter { $0.contains("/40") }
        #expect(
            !drawn.isEmpty && drawn.allSatisfy { $0.count < (columns == 0 ? 80 : Int(columns)) }, "\(terminal.text)")
    }
}
