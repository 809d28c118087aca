import FalconTestSupport
import Foundation
import Synchronization
import Testing

/// Every golden case of a folder of fixtures, through the commands where there is one and through the libraries
/// elsewhere: `Scripts/verify/fixtures.sh FOLDER`. Cases are found by looking into the folders, so others of the
/// same kinds are tried when they lie beside the known ones.
@Suite struct FixtureTests {
    static let families: [FixtureFamily] = [
        .targets, .drafter, .gradients, .losses, .glance, .csgd, .optim, .tree, .tokenizers, .hdf5, .safetensors,
        .torchbin, .templates, .spans, .ggufBlocks, .ggufModels, .ggufFiles,
    ]

    /// The folder with one folder a family, from FALCON_FIXTURES or beside the other shared data.
    static var folder: String? {
        if let path = ProcessInfo.processInfo.environment["FALCON_FIXTURES"], !path.isEmpty { return path }
        return Fixtures.sharedFolder(skipping: "every golden case").map { $0 + "/fixtures" }
    }

    @Test func `every golden case agrees`() throws {
        guard let folder = Self.folder else { return }
        var table: [(name: String, record: FixtureRecord)] = []
        for family in Self.families {
            let record = Self.run(family, in: folder)
            table.append((family.name, record))
            for problem in record.problems { Issue.record("\(family.name): \(problem)") }
            if record.found == 0 { Issue.record("\(family.name): no cases in \(folder)") }
        }
        print("\nfamily       agreed / found")
        for (name, record) in table {
            print(name.padding(toLength: 13, withPad: " ", startingAt: 0) + "\(record.agreed) / \(record.found)")
        }
        let (agreed, found) = table.reduce((0, 0)) { ($0.0 + $1.record.agreed, $0.1 + $1.record.found) }
        print("all          \(agreed) / \(found)")
    }

    /// Runs a family's jobs, some at a time: most of them wait for a process.
    private static func run(_ family: FixtureFamily, in folder: String) -> FixtureRecord {
        let whole = Mutex(FixtureRecord())
        do {
            let jobs = try family.jobs(folder)
            DispatchQueue.concurrentPerform(iterations: jobs.count) { index in
                var record = FixtureRecord()
                do {
                    try jobs[index].run(&record)
                } catch {
                    record.check("job \(index)") { $0.fail("\(error)") }
                }
                let finished = record
                whole.withLock { $0.merge(finished) }
            }
        } catch {
            whole.withLock { $0.check("the folder") { $0.fail("\(error)") } }
        }
        return whole.withLock { $0 }
    }
}
