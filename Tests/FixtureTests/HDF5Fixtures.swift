import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

@testable import FalconShards

extension FixtureFamily {
    /// HDF5 files that h5py wrote, by the library that reads shards: their layout is not that of shards. With the same
    /// content in that layout they go through `falcon-inspect shard`, which must also refuse the damaged ones.
    static let hdf5 = FixtureFamily(name: "hdf5") { folder in
        let files = FixtureFolder(path: folder + "/hdf5")
        let good = try files.contents.filter { $0.hasSuffix(".h5") }.map { file in
            FixtureJob(file) { comparison in
                try compare(files, file, &comparison)
                try compareAsShard(files, file, &comparison)
            }
        }
        let bad = try ["corrupt", "inconsistent"].flatMap { kind in
            let folder = FixtureFolder(path: files[kind])
            return try folder.contents.map { file in
                FixtureJob("\(kind)/\(file)") { try refuse(folder[file], &$0) }
            }
        }
        return good + bad
    }

    private static func compare(_ folder: FixtureFolder, _ name: String, _ comparison: inout Comparison) throws {
        let golden = try folder.tensors(name.dropLast(3) + ".expected.safetensors")
        let file = try HDF5File(path: folder[name])
        for (dataset, expected) in golden.reals {
            let found = try file.dataset(dataset)
            let bytes = try found.bytes(rows: 0..<found.rowCount)
            comparison.close(Tensor(bytes: bytes, as: try elementType(found), found.shape), expected, dataset)
        }
        for (dataset, expected) in golden.integers {
            comparison.equal(try integers(try file.dataset(dataset)), expected, dataset)
        }
    }

    /// Every document of the same content in our layout, as `falcon-inspect shard` dumps it.
    private static func compareAsShard(
        _ folder: FixtureFolder, _ name: String, _ comparison: inout Comparison
    ) throws {
        let golden = try folder.tensors(name.dropLast(3) + ".expected.safetensors")
        let scratch = try TemporaryFolder()
        let shard = scratch.file("shard-00000.h5")
        try rewrite(folder[name], as: shard)
        let offsets = try golden.whole("offsets").map { Int($0) }
        let (features, tokens) = (try golden.real("hidden"), try golden.whole("input_ids"))
        for (index, (start, end)) in zip(offsets, offsets.dropFirst()).enumerated() {
            let found = try Command.inspect(
                ["shard", "--shards", shard, "--sequence", "\(index)"], in: scratch, "sequence.safetensors")
            comparison.close(found.reals["hidden"], features.rows(start..<end), "hidden of document \(index)")
            comparison.equal(found.integers["input_ids"], Array(tokens[start..<end]), "input_ids of document \(index)")
            let mask = try golden.whole("loss_mask")
            comparison.equal(found.integers["loss_mask"], Array(mask[start..<end]), "loss_mask of document \(index)")
        }
    }

    /// Refused as it is; and refused for what is wrong with it, where its content can be written in our layout.
    private static func refuse(_ path: String, _ comparison: inout Comparison) throws {
        let name = (path as NSString).lastPathComponent
        try comparison.refused(
            "falcon-inspect", ["shard", "--shards", path, "--verify"], naming: name)
        let scratch = try TemporaryFolder()
        let shard = scratch.file("shard-00000.h5")
        do {
            try rewrite(path, as: shard)
        } catch {
            comparison.equal("\(error)".split(separator: "\n").count, 1, "the lines of the error '\(error)'")
            return
        }
        try comparison.refused(
            "falcon-inspect", ["shard", "--shards", shard, "--verify"], naming: "shard-00000.h5")
    }

    private static func elementType(_ dataset: HDF5Dataset) throws -> ElementType {
        switch try dataset.type() {
        case .float32: .float32
        case .float16: .float16
        // bfloat16 is stored as its bits.
        case .uint16: .bfloat16
        case let other: throw FileError(dataset.name, "holds \(other), which this test does not read")
        }
    }

    private static func integers(_ dataset: HDF5Dataset) throws -> [Int64] {
        let bytes = try dataset.bytes(rows: 0..<dataset.rowCount)
        switch try dataset.type() {
        case .int64: return Int64.array(littleEndian: bytes)
        case .int32: return Int32.array(littleEndian: bytes).map(Int64.init)
        case .uint8: return bytes.map(Int64.init)
        case let other: throw FileError(dataset.name, "holds \(other), which this test does not read")
        }
    }

    /// Writes what the fixture holds, right or wrong, in the layout of shards.
    private static func rewrite(_ path: String, as shard: String) throws {
        let file = try HDF5File(path: path)
        let hidden = try file.dataset("hidden")
        let rows = try hidden.bytes(rows: 0..<hidden.rowCount)
        let type = try elementType(hidden)
        let (tokens, mask) = (try integers(file.dataset("input_ids")), try integers(file.dataset("loss_mask")))
        let offsets = try integers(file.dataset("offsets"))
        let pool = ThreadPool(threadCount: 1)

        let writer = try HDF5FileWriter(path: shard)
        for (name, text) in [
            ("format", "falcon-features"), ("dtype", type.rawValue), ("target_fingerprint", "t"),
            ("tokenizer_fingerprint", "t"),
        ] { try writer.set(name, to: text) }
        for (name, number) in [("version", 1), ("hidden_size", hidden.shape[1]), ("max_length", 4096)] {
            try writer.set(name, to: number)
        }
        let features = try writer.growingDataset(
            "features", try hidden.type(), width: hidden.shape[1], chunkRows: 16, level: 3)
        try features.append(rows, on: pool)
        try features.finish(on: pool)
        for (name, type, bytes) in [
            ("tokens", HDF5ElementType.int32, Int32.bytes(of: tokens.map { Int32($0) })),
            ("loss_mask", .uint8, mask.map { UInt8($0) }),
        ] {
            let column = try writer.growingDataset(name, type, width: nil, chunkRows: 64, level: 3)
            try column.append(bytes, on: pool)
            try column.finish(on: pool)
        }
        try writer.write("offsets", integers: offsets)
        try writer.write("ids", texts: offsets.dropFirst().indices.map { "document \($0)" })
        _ = try writer.finish()
    }
}
