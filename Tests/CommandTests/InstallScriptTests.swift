import FalconTestSupport
import Foundation
import Testing

/// `Scripts/install.sh --prefix`, with the commands of this build.
@Suite struct InstallScriptTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func install(_ arguments: String) throws -> CommandRunner.Result {
        try CommandRunner.shell("bash '\(Fixtures.repository)/Scripts/install.sh' \(arguments)", in: folder.path)
    }

    @Test func `commands and completions are put in place, twice as well as once`() throws {
        for _ in 0..<2 {
            let run = try install("--prefix \(folder.file("put")) --from \"$BIN\"")
            #expect(run.status == 0 && run.stdout.contains("7 commands"), "\(run)")
        }
        let check = try CommandRunner.shell(
            """
            set -e
            ./put/bin/falcon-infer --version
            for file in put/share/bash-completion/completions/*; do bash -n "$file"; done
            grep -q -- --target put/share/bash-completion/completions/falcon-infer
            grep -q -- --target put/share/zsh/site-functions/_falcon-serve
            grep -q target put/share/fish/vendor_completions.d/falcon-serve.fish
            grep -q '^\\.SH SYNOPSIS' put/share/man/man1/falcon-train.1
            grep -q -F -- '\\-\\-tree' put/share/man/man1/falcon-infer.1
            grep -q 'FALCON-INSPECT TREE' put/share/man/man1/falcon-inspect.1
            ls put/bin | wc -l
            find put -name '*partial*'
            """, in: folder.path)
        #expect(check.status == 0 && check.stdout.hasSuffix("7\n"), "\(check)")
        #if os(Linux)
            let unit = try String(
                contentsOfFile: folder.file("put/lib/systemd/system/falcon-serve.service"), encoding: .utf8)
            #expect(unit.contains("ExecStart=/") && unit.contains("/put/bin/falcon-serve $FALCON_SERVE_OPTIONS"))
        #endif
    }

    @Test(arguments: ["--prefix", "--from x", "--wrong", "--prefix p --from"])
    func `wrong usage is said in one line`(arguments: String) throws {
        let run = try install(arguments)
        #expect(run.status == 64 && run.stderr.split(separator: "\n").count == 1, "\(run)")
    }

    @Test func `commands that are not there are named, and nothing is put anywhere`() throws {
        let run = try install("--prefix \(folder.file("put")) --from .")
        #expect(run.status == 1 && run.stderr.contains("falcon-gen-data"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("put/bin")))
    }
}
