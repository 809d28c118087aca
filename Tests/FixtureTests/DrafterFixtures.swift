import FalconDraft
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

/// How the fixtures call what a fusion computes; a batch of one makes a recurrence over the batch none.
private let fusions: [(kind: FusionKind, keys: [String])] = [
    (.lstm, ["over_time"]), (.gated, ["per_position", "over_batch"]),
]

extension FixtureFamily {
    /// Draft heads by `falcon-inspect draft`, from safetensors, from `.bin`, and exported to PyTorch and read back; the
    /// cached drafting form by the library.
    static let drafter = FixtureFamily(name: "drafter") { folder in
        try FixtureFolder(path: folder + "/drafter").folders(with: "io.safetensors").map { head in
            FixtureJob { record in
                let scratch = try TemporaryFolder()
                for (format, path) in try formats(of: head, in: scratch) {
                    try compareOutputs(head, format, path, in: scratch, &record)
                }
                record.check("\(head.name) exported") { try compareExport(head, in: scratch, &$0) }
                for (fusion, keys) in fusions {
                    record.check("\(head.name) cache \(fusion)") { try compareCache(head, fusion, keys, &$0) }
                }
                record.check("\(head.name) mask") { try compareMask(head, &$0) }
                record.check("\(head.name) without a fusion in its configuration") { comparison in
                    try comparison.equal(
                        DraftConfiguration(folder: head.path).fusion, .gated, "the fusion of an imported head")
                }
            }
        }
    }

    /// The head's folder with one format of weights alone in it, and as it comes back from an export to PyTorch.
    private static func formats(
        of head: FixtureFolder, in scratch: TemporaryFolder
    ) throws -> [(name: String, path: String)] {
        var formats: [(name: String, path: String)] = []
        for file in ["model.safetensors", "pytorch_model.bin"] where head.has(file) {
            let path = scratch.file(file + "-only")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for name in ["config.json", file] {
                try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: head[name])
            }
            formats.append((file, path))
        }
        let exported = scratch.file("exported")
        try Command.run(
            "falcon-export",
            ["--checkpoint", scratch.file("model.safetensors-only"), "--output", exported, "--format", "pytorch"])
        try FileManager.default.removeItem(atPath: exported + "/model.safetensors")
        return formats + [("exported pytorch_model.bin", exported)]
    }

    private static func compareOutputs(
        _ head: FixtureFolder, _ format: String, _ path: String, in scratch: TemporaryFolder,
        _ record: inout FixtureRecord
    ) throws {
        let golden = try head.tensors("io.safetensors")
        let batches = golden.reals.keys.filter { $0.hasSuffix(".hidden_states") }.map { $0.split(separator: ".")[0] }
        for batch in batches.sorted() {
            let features = try golden.real("\(batch).hidden_states")
            let shape = Array(features.shape.prefix(2))
            let integers = ["input_ids", "attention_mask"].compactMap { name in
                golden.integers["\(batch).\(name)"].map { (name, $0, shape) }
            }
            let input = scratch.file("\(batch).safetensors")
            try SafetensorsWriter.write(input, tensors: [("hidden_states", features)], integers: integers)
            for (fusion, keys) in fusions {
                record.check("\(head.name) \(batch) \(fusion) from \(format)") { comparison in
                    let output = try Command.inspect(
                        ["draft", "--draft", path, "--fusion", fusion.rawValue, "--input", input], in: scratch,
                        "drafted.safetensors")
                    // Over a batch of more than one row the authors' recurrence mixes its rows; nobody wants that.
                    let key = keys.first {
                        golden.reals["\(batch).out.\($0)"] != nil && ($0 != "over_batch" || shape[0] == 1)
                    }
                    comparison.close(
                        output.reals["draft_hidden"], golden.reals["\(batch).out.\(key ?? keys[0])"], absolute: 5e-5,
                        "\(batch).out.\(key ?? keys[0])")
                }
            }
        }
    }

    /// The exported file holds the same values, to the bit, under the same names.
    private static func compareExport(
        _ head: FixtureFolder, in scratch: TemporaryFolder, _ comparison: inout Comparison
    ) throws {
        let exported = try Command.inspect(
            ["weights", "--weights", scratch.file("exported/pytorch_model.bin")], in: scratch, "bin.safetensors")
        let original = try head.tensors("model.safetensors")
        comparison.equal(exported.reals.keys.sorted(), original.reals.keys.sorted(), "the names of the export")
        for (name, tensor) in original.reals { comparison.close(exported.reals[name], tensor, name) }
    }

    /// What each position sees: whole blocks, and no padding.
    private static func compareMask(_ folder: FixtureFolder, _ comparison: inout Comparison) throws {
        let golden = try folder.tensors("io.safetensors")
        let blockSize = try DraftConfiguration(folder: folder.path).blockSize
        for name in golden.integers.keys.filter({ $0.hasSuffix(".visible") }).sorted() {
            let batch = name.dropLast(".visible".count)
            let features = try golden.real("\(batch).hidden_states")
            let (rows, time) = (features.shape[0], features.shape[1])
            let lengths = try golden.rows("\(batch).attention_mask", count: rows).map { $0.reduce(0) { $0 + Int($1) } }
            let visibility = Visibility(blockSize: blockSize, lengths: lengths)
            let visible: [Int64] = (0..<rows * time * time).map { place in
                let (row, query, key) = (place / (time * time), place / time % time, place % time)
                return key < visibility.count(at: query, row: row, time: time) ? 1 : 0
            }
            comparison.equal(visible, golden.integers[name], name)
        }
    }

    /// A second chunk sees the first through the cache, and its blocks count from its own start.
    private static func compareCache(
        _ folder: FixtureFolder, _ fusion: FusionKind, _ keys: [String], _ comparison: inout Comparison
    ) throws {
        let golden = try folder.tensors("io.safetensors")
        let pool = ThreadPool(threadCount: 1)
        let head = try DraftHead(folder: folder.path, fusion: fusion, pool: pool)
        let (features, tokens) = (try golden.real("b1.hidden_states").flat, try golden.tokens("b1.input_ids"))
        let session = DraftSession(head: head, capacity: tokens.count, branchRows: 0, alignment: .start)
        let ends = [0, Int(try golden.whole("cache.first_chunk")[0]), tokens.count]
        let key = keys[keys.count - 1]
        for chunk in 1...2 {
            let range = ends[chunk - 1]..<ends[chunk]
            session.extend(features: features.rows(range), nextTokens: Array(tokens[range]), on: pool)
            let size = min(head.blockSize, range.count)
            let expected = try golden.real("cache.out\(chunk).\(key)").flat
            comparison.close(
                session.firstBlock(on: pool), expected.rows(range.count - size..<range.count), absolute: 5e-5,
                "the last block of cache.out\(chunk).\(key)")
        }
    }
}
