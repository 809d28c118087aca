import FalconTestSupport
import Testing

/// The fuzzing command counts what its reading process read: a count that got lost was once taken for a fault.
@Suite struct FuzzCommandTests {
    private let fixtures = #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Fixtures"

    @Test(arguments: ["template", "gguf", "dataset"])
    func `all inputs are accounted for`(reader: String) throws {
        let run = try CommandRunner.run("falcon-fuzz", [reader, "--inputs", "200", "--fixtures", fixtures])
        #expect(run.status == 0 && run.stderr == "", "\(run)")
        #expect(run.stdout.hasPrefix("\(reader): 200 inputs, ") && run.stdout.hasSuffix(" 0 faults\n"), "\(run)")
    }
}
