import FalconJSON
import FalconTestSupport
import FalconWeights
import Testing

@Suite struct InspectCommandTests {
    private let target = Fixtures.path("targets/llama_gqa")

    @Test func `a sound model ends with 0, a head for another target with 1 and one line`() throws {
        let sound = try CommandRunner.run("falcon-inspect", ["model", "--target", target])
        #expect(sound.status == 0 && sound.stderr.isEmpty)
        #expect(sound.stdout.contains("fingerprint"))
        let wrong = try CommandRunner.run(
            "falcon-inspect", ["draft", "--draft", Fixtures.path("drafter/k2_mha"), "--target", target])
        #expect(wrong.status == 1)
        #expect(wrong.stderr.split(separator: "\n").count == 1)
        #expect(wrong.stdout.contains("problem: hidden_size"))
    }

    @Test func `features of a list and of a file of tokens are the same`() throws {
        let folder = try TemporaryFolder()
        let list = try CommandRunner.run(
            "falcon-inspect",
            ["features", "--target", target, "--tokens", "1,2,3", "--output", folder.file("list.safetensors")])
        #expect(list.status == 0, "\(list.stderr)")
        let file = try CommandRunner.run(
            "falcon-inspect",
            [
                "features", "--target", target, "--tokens-file", folder.file("list.safetensors"), "--output",
                folder.file("file.safetensors"), "--threads", "1",
            ])
        #expect(file.status == 0, "\(file.stderr)")
        #expect(
            try Fixtures.tensors(folder.file("list.safetensors")) == Fixtures.tensors(folder.file("file.safetensors")))
    }

    @Test func `the tokenizer answers in JSON`() throws {
        let folder = Fixtures.path("tokenizers/qwen2")
        let encoded = try CommandRunner.run(
            "falcon-inspect", ["tokenizer", "--target", folder, "--text", "Hello <|im_end|>"])
        let ids = try JSONValue(parsing: Array(encoded.stdout.utf8), from: "stdout").object?["ids"]?.array
        let list = try #require(ids).compactMap(\.integer).map(String.init).joined(separator: ",")
        let decoded = try CommandRunner.run("falcon-inspect", ["tokenizer", "--target", folder, "--decode", list])
        let text = try JSONValue(parsing: Array(decoded.stdout.utf8), from: "stdout").object?["text"]
        #expect(text == .string("Hello <|im_end|>"))
    }

    @Test(arguments: ["llama_gqa", "qwen3"])
    func `a model of random weights has every tensor of its configuration`(name: String) throws {
        let folder = try TemporaryFolder()
        let arguments = [
            "random-target", "--config", Fixtures.path("targets/\(name)"), "--layers", "1", "--output",
            folder.file("random"),
        ]
        let made = try CommandRunner.run("falcon-bench", arguments)
        #expect(made.status == 0, "\(made.stderr)")
        let shown = try CommandRunner.run("falcon-inspect", ["model", "--target", folder.file("random")])
        #expect(shown.status == 0 && !shown.stdout.contains("problem"), "\(shown.stdout)")
        #expect(try CommandRunner.run("falcon-bench", arguments).status == 1)
    }

    @Test func `a tree prints as a file that reads the same`() throws {
        let folder = try TemporaryFolder()
        let printed = try CommandRunner.run("falcon-inspect", ["tree", "--tree", "chain:4", "--toml"])
        let path = try folder.write(printed.stdout, to: "tree.toml")
        let again = try CommandRunner.run("falcon-inspect", ["tree", "--tree", path, "--toml"])
        #expect(printed.status == 0 && again.stdout == printed.stdout)
    }

    @Test(arguments: [
        [], ["features", "--target", "x", "--output", "y"], ["model", "--threads", "0", "--target", "x"],
    ])
    func `wrong usage ends with 64`(arguments: [String]) throws {
        // No subcommand at all prints the help.
        #expect(try CommandRunner.run("falcon-inspect", arguments).status == (arguments.isEmpty ? 0 : 64))
    }
}
