import FalconTestSupport
import Foundation
import Testing

/// Where outputs lead: into devices, pipes and links, never over an input, and known before work begins.
@Suite struct OutputCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A run of a few tokens.
    private func infer(_ options: String, target: String = "\"$TARGET\"") throws -> CommandRunner.Result {
        try CommandRunner.shell(
            "\"$BIN/falcon-infer\" --target \(target) --prompt hi --max-new-tokens 2 --quiet \(options)",
            in: folder.path)
    }

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: folder.file(name), encoding: .utf8)
    }

    private func isFigures(_ text: String) -> Bool {
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return object?["generated_tokens"] as? Int == 2
    }

    @Test(arguments: ["--json", "--answers", "--report"])
    func `a device is written into and stays one`(option: String) throws {
        let run = try infer("\(option) /dev/null >/dev/null && [ -c /dev/null ]")
        #expect(run.status == 0 && run.stderr == "", "\(run)")
        let full = try infer("\(option) /dev/full >/dev/null")
        #expect(full.status == 1 && full.stderr.split(separator: "\n").count == 1, "\(full)")
        #expect(full.stderr.contains("/dev/full") && full.stderr.contains("No space left"), "\(full)")
    }

    @Test func `a named pipe, a process substitution and an open descriptor get the figures`() throws {
        let pipe = try infer("--json pipe >/dev/null; wait", target: "\"$TARGET\" $(mkfifo pipe; cat pipe >got &)")
        #expect(pipe.status == 0 && pipe.stderr == "", "\(pipe)")
        var kind = stat()
        #expect(stat(folder.file("pipe"), &kind) == 0 && kind.st_mode & S_IFMT == S_IFIFO)
        let substituted = try infer("--json >(cat >sub) >/dev/null; sleep 0.5")
        #expect(try substituted.stderr == "" && isFigures(text("sub")), "\(substituted)")
        let numbered = try infer("--json /dev/fd/3 3>third >/dev/null")
        #expect(try numbered.status == 0 && isFigures(text("third")), "\(numbered)")
        // They stand for standard output, which then holds nothing else.
        for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"] {
            let piped = try infer("--json \(name)")
            #expect(piped.status == 0 && isFigures(piped.stdout), "\(name): \(piped)")
        }
        let closed = try infer("--json /dev/fd/9 >/dev/null")
        #expect(closed.status == 1 && closed.stderr.contains("descriptor 9 is not open"), "\(closed)")
    }

    @Test func `links are followed, dangling ones too, and the file behind them is replaced whole`() throws {
        try folder.write("old", to: "real")
        chmod(folder.file("real"), 0o600)
        let links = try infer(
            "--json two >/dev/null", target: "\"$TARGET\" $(ln -s real one; ln -s \"$PWD/one\" two)")
        #expect(try links.status == 0 && isFigures(text("real")), "\(links)")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("one")) == "real")
        // Who could not read the old file cannot read the new one.
        let mode = try FileManager.default.attributesOfItem(atPath: folder.file("real"))[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let dangling = try infer("--json gone >/dev/null", target: "\"$TARGET\" $(ln -s new gone)")
        #expect(try dangling.status == 0 && isFigures(text("new")), "\(dangling)")
        let ring = try infer("--json ring >/dev/null", target: "\"$TARGET\" $(ln -s ring ring)")
        #expect(ring.status == 1 && ring.stderr.contains("ring"), "\(ring)")
        // Names of one letter, and of as many as a name may have.
        for name in ["j", String(repeating: "n", count: 255)] {
            #expect(try infer("--json \(name) >/dev/null").status == 0)
            #expect(isFigures(try text(name)))
        }
        #expect(try folder.contents.allSatisfy { !$0.contains("partial") })
    }

    @Test func `an output over an input is refused before work begins`() throws {
        let question = "{\"question_id\":1,\"turns\":[\"What is 12 plus 7?\"]}\n"
        try folder.write(question, to: "q.jsonl")
        for name in ["q.jsonl", "./q.jsonl", "soft", "hard", "\"$PWD/../$(basename \"$PWD\")/q.jsonl\""] {
            for option in ["--json", "--answers", "--report"] {
                let run = try CommandRunner.shell(
                    """
                    ln -sf q.jsonl soft; ln -f q.jsonl hard
                    "$BIN/falcon-infer" --target "$TARGET" --dataset q.jsonl --max-new-tokens 2 --quiet \\
                        \(option) \(name)
                    """, in: folder.path)
                #expect(run.status == 1 && run.stderr.contains("--dataset"), "\(option) \(name): \(run)")
                #expect(run.stderr.split(separator: "\n").count == 1 && run.stdout == "", "\(run)")
                #expect(try text("q.jsonl") == question)
            }
        }
        let copied = try CommandRunner.shell("cp -r \"$TARGET\" model; ln model/config.json linked", in: folder.path)
        #expect(copied.status == 0)
        let config = try text("model/config.json")
        for name in ["model/config.json", "linked", "model/model.safetensors", "model/tokenizer_config.json"] {
            let run = try infer("--json \(name)", target: "model")
            #expect(run.status == 1 && run.stderr.contains("--target"), "\(name): \(run)")
        }
        #expect(try text("model/config.json") == config)
        // A file of another name beside them harms nobody.
        #expect(try infer("--json model/report.json >/dev/null", target: "model").status == 0)
        #expect(try infer("--json model/report.json >/dev/null", target: "model").status == 0)
    }

    @Test func `two outputs in one file are refused, however it is spelled`() throws {
        let pairs = [
            ("same", "same"), ("./a", "a"), ("-", "/dev/stdout"), ("-", "-"), ("model/../b", "b"), ("there", "hard"),
            ("there", "soft"),
        ]
        for (one, other) in pairs {
            let run = try CommandRunner.shell(
                """
                mkdir -p model; [ -e there ] || { echo x >there; ln there hard; ln -s there soft; }
                "$BIN/falcon-infer" --target "$TARGET" --prompt hi --max-new-tokens 2 --json \(one) --answers \(other)
                """, in: folder.path)
            #expect(run.status == 1 && run.stdout == "", "\(one) \(other): \(run)")
            #expect(run.stderr.contains("--json") && run.stderr.contains("--answers"), "\(run)")
        }
        for redirection in [">log", "2>log"] {
            let run = try infer("--json log \(redirection); code=$?; cat log >&2; exit $code")
            #expect(run.status == 1, "\(redirection): \(run)")
        }
        #expect(try infer("--json /dev/null --answers /dev/null >/dev/null").status == 0)
    }

    @Test func `what cannot be opened is known before work begins, and said`() throws {
        try folder.write("", to: "file")
        let cases = [
            ("none/j.json", "there is no folder none"), ("file/j.json", "Not a directory"), (".", "is a folder"),
            ("new/", "name a file in it"), (String(repeating: "x", count: 300), "name"),
        ]
        for (path, words) in cases {
            for option in ["--json", "--answers", "--report"] {
                let run = try infer("\(option) \(path)")
                #expect(run.status == 1 && run.stdout == "" && run.stderr.contains(words), "\(path): \(run)")
            }
        }
        #expect(try infer("--json ''").status == 64)
        let pictures = try infer("--report-pictures file")
        #expect(pictures.status == 1 && pictures.stderr.contains("is a file"), "\(pictures)")
        // Permissions bind nobody who is root; such a one becomes another user.
        let locked = try CommandRunner.shell(
            """
            mkdir locked; chmod 555 locked; chmod 755 .
            as=; [ "$(id -u)" = 0 ] && as="setpriv --reuid 65534 --regid 65534 --clear-groups"
            command -v setpriv >/dev/null || exit 77
            $as "$BIN/falcon-infer" --target "$TARGET" --prompt hi --json "$PWD/locked/j"; code=$?
            $as "$BIN/falcon-gen-data" --target "$TARGET" --dataset "$TARGET/config.json" --output "$PWD/locked/f"
            $as "$BIN/falcon-export" --checkpoint "$TARGET" --output "$PWD/locked/e"
            exit $code
            """, in: folder.path)
        let lines = locked.stderr.split(separator: "\n")
        if locked.status != 77, lines.allSatisfy({ !$0.contains("config.json") }) {
            #expect(locked.status == 1 && lines.count == 3, "\(locked)")
            #expect(lines.allSatisfy { $0.contains("locked") && $0.contains("may not be written into") }, "\(locked)")
        }
    }

    @Test func `the other commands treat their outputs alike`() throws {
        let inspect = "\"$BIN/falcon-inspect\""
        let run = try CommandRunner.shell(
            """
            cp -r "$TARGET" model
            \(inspect) model --target model --json model/config.json
            \(inspect) features --target model --tokens 1,2 --output model/model.safetensors
            \(inspect) weights --weights model/model.safetensors --output model/model.safetensors
            \(inspect) features --target model --tokens 1,2 --output none/f.safetensors
            "$BIN/falcon-bench" kernels --json none/b.json
            "$BIN/falcon-gen-data" --target model --dataset "$TARGET/config.json" --output model
            "$BIN/falcon-export" --checkpoint model --output model
            "$BIN/falcon-gen-data" --target model --dataset q --output out --json out/manifest.json
            """, in: folder.path)
        let lines = run.stderr.split(separator: "\n")
        #expect(lines.count == 8, "\(run)")
        for line in lines.prefix(3) { #expect(line.contains("would overwrite"), "\(line)") }
        for line in lines.dropFirst(3).prefix(2) { #expect(line.contains("there is no folder none"), "\(line)") }
        for line in lines.dropFirst(5).prefix(2) { #expect(line.contains("name one folder"), "\(line)") }
        #expect(lines.last?.contains("--output's folder") == true, "\(run)")
        let device = try CommandRunner.shell(
            "\(inspect) model --target \"$TARGET\" --json /dev/null >/dev/null && [ -c /dev/null ]", in: folder.path)
        #expect(device.status == 0, "\(device)")
    }
}
