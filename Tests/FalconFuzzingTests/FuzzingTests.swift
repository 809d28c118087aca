import FalconFuzzing
import FalconTensor
import FalconTestSupport
import Testing

/// A short run of the fuzzer with a fixed seed; `Scripts/verify/fuzz.sh` makes the long one.
@Suite struct FuzzingTests {
    private static let seeds = FuzzSeeds(fixtures: Fixtures.folder)

    @Test(arguments: FuzzedReader.allCases)
    func `hostile files are read or refused in words`(reader: FuzzedReader) throws {
        let record = try FuzzRun(reader, seeds: FuzzingTests.seeds, seed: 1, judgesMemory: false).run(0..<150)
        #expect(record.faults.isEmpty)
        #expect(record.inputs == 150 && record.accepted + record.refused == 150)
    }

    @Test(arguments: FuzzedReader.allCases)
    func `the seeds hold right files, and wrong ones are told apart from them`(reader: FuzzedReader) throws {
        let run = try FuzzRun(reader, seeds: FuzzingTests.seeds, seed: 1, judgesMemory: false)
        var record = FuzzRun.Record()
        for seed in run.seeds { #expect(try run.read(seed, into: &record) == nil) }
        #expect(record.accepted > 0, "no seed of \(reader.rawValue) is read: mutations of them test nothing")
    }

    @Test func `an input is a function of the seed and its number`() throws {
        let one = try FuzzRun(.recipe, seeds: FuzzingTests.seeds, seed: 5)
        let same = try FuzzRun(.recipe, seeds: FuzzingTests.seeds, seed: 5)
        let other = try FuzzRun(.recipe, seeds: FuzzingTests.seeds, seed: 6)
        #expect((0..<50).allSatisfy { one.input($0) == same.input($0) })
        #expect(!(0..<50).allSatisfy { one.input($0) == other.input($0) })
    }
}
