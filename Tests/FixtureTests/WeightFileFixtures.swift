import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

extension FixtureFamily {
    /// PyTorch files by `falcon-inspect weights`; hostile ones also as a model's and a draft head's weights.
    static let torchbin = FixtureFamily(name: "torchbin") { folder in
        let good = FixtureFolder(path: folder + "/torchbin/good")
        let files = try good.contents.filter { $0.hasSuffix(".bin") }
        let read = files.map { file in
            FixtureJob(file) { comparison in
                let expected = good[file.dropLast(4) + ".expected.safetensors"]
                try compare(good[file], with: try TensorExpectation(path: expected), &comparison)
            }
        }
        let bad = FixtureFolder(path: folder + "/torchbin/bad")
        let configuration = try FixtureFolder(path: folder + "/drafter").folders(with: "config.json").first
        return try read
            + bad.contents.map { file in
                FixtureJob(file) { comparison in
                    try refuse(bad[file], &comparison)
                    if let configuration {
                        try refuseAsWeights(bad[file], configuration["config.json"], &comparison)
                    }
                }
            }
    }

    /// safetensors files and indexes by `falcon-inspect weights`.
    static let safetensors = FixtureFamily(name: "safetensors") { folder in
        let good = FixtureFolder(path: folder + "/safetensors/good")
        let files = try good.contents.filter { $0.hasSuffix(".safetensors") }
        let read = files.map { file in
            FixtureJob(file) { try compare(good[file], with: try TensorExpectation(path: good[file]), &$0) }
        }
        let bad = FixtureFolder(path: folder + "/safetensors/bad")
        let bait = try baits(in: bad)
        return try read
            + bad.contents.filter { !bait.contains($0) }.map { file in
                FixtureJob(file) { try refuse(bad[file], &$0) }
            }
    }

    /// The types, shapes and values of all tensors, as listed and as dumped.
    private static func compare(
        _ path: String, with expected: TensorExpectation, _ comparison: inout Comparison
    ) throws {
        let scratch = try TemporaryFolder()
        let listed = try JSONValue(
            parsing: Array(
                Command.run("falcon-inspect", ["weights", "--weights", path, "--json", "-"]).utf8), from: "stdout")
        var types: [String: String] = [:]
        for entry in listed["tensors"]?.array ?? [] {
            let shape = Optional(entry["shape"] ?? .null).integers
            types[entry["name"]?.string ?? ""] = "\(entry["dtype"]?.string ?? "") \(shape)"
        }
        comparison.equal(types, expected.types, "types and shapes")
        let dumped = try Command.inspect(["weights", "--weights", path], in: scratch, "dump.safetensors")
        for (name, values) in expected.values {
            let found = dumped.reals[name]?.scalars.map(Double.init) ?? dumped.integers[name]?.map(Double.init)
            comparison.equal(found, values, "the values of '\(name)'")
        }
    }

    private static func refuse(_ path: String, _ comparison: inout Comparison) throws {
        try comparison.refused(
            "falcon-inspect", ["weights", "--weights", path], naming: (path as NSString).lastPathComponent)
    }

    /// The same file where a user's own would lie.
    private static func refuseAsWeights(
        _ path: String, _ configuration: String, _ comparison: inout Comparison
    ) throws {
        let scratch = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("config.json"), withDestinationPath: configuration)
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("pytorch_model.bin"), withDestinationPath: path)
        for arguments in [
            ["model", "--target", scratch.path], ["draft", "--draft", scratch.path],
            ["features", "--target", scratch.path, "--tokens", "1", "--output", "features.safetensors"],
        ] {
            try comparison.refused(
                "falcon-inspect", arguments, naming: "pytorch_model.bin")
        }
    }

    /// Sound files that an index in a folder beside them reaches for with a path.
    private static func baits(in folder: FixtureFolder) throws -> Set<String> {
        var baits: Set<String> = []
        for index in try folder.folders(with: "model.safetensors.index.json") {
            for shard in try index.json("model.safetensors.index.json")["weight_map"]?.object?.members ?? [] {
                if let name = shard.value.string, name.contains("/") {
                    baits.insert((name as NSString).lastPathComponent)
                }
            }
        }
        return baits
    }
}

/// What a safetensors file holds, read naively: the header by Foundation, the values from their bytes.
private struct TensorExpectation {
    /// Type and shape by name.
    var types: [String: String] = [:]
    var values: [String: [Double]] = [:]

    init(path: String) throws {
        let data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let length = (0..<8).reduce(0) { $0 | Int(data[$1]) << (8 * $1) }
        let header = try JSONSerialization.jsonObject(with: Data(data[8..<8 + length])) as? [String: Any] ?? [:]
        for (name, entry) in header where name != "__metadata__" {
            guard let entry = entry as? [String: Any], let type = entry["dtype"] as? String,
                let ends = entry["data_offsets"] as? [Int], let shape = entry["shape"] as? [Int],
                let (word, size, read) = TensorExpectation.types[type]
            else { throw FileError(path, "'\(name)' cannot be read by this test") }
            types[name] = "\(word) \(shape)"
            values[name] = stride(from: 8 + length + ends[0], to: 8 + length + ends[1], by: size).map { start in
                read((0..<size).reduce(UInt64(0)) { $0 | UInt64(data[start + $1]) << (8 * $1) })
            }
        }
    }

    /// Our word for each type, its bytes, and the value that bits stand for. A dump holds float32.
    private static let types: [String: (word: String, size: Int, read: @Sendable (UInt64) -> Double)] = [
        "F64": ("float64", 8, { Double(Float(Double(bitPattern: $0))) }),
        "F32": ("float32", 4, { Double(Float(bitPattern: UInt32($0))) }),
        "F16": ("float16", 2, { half($0) }),
        "BF16": ("bfloat16", 2, { Double(Float(bitPattern: UInt32($0) << 16)) }),
        "I64": ("int64", 8, { Double(Int64(bitPattern: $0)) }),
        "I32": ("int32", 4, { Double(Int32(truncatingIfNeeded: $0)) }),
        "I16": ("int16", 2, { Double(Int16(truncatingIfNeeded: $0)) }),
        "I8": ("int8", 1, { Double(Int8(truncatingIfNeeded: $0)) }),
        "U64": ("uint64", 8, { Double($0) }), "U32": ("uint32", 4, { Double($0) }),
        "U16": ("uint16", 2, { Double($0) }), "U8": ("uint8", 1, { Double($0) }),
        "BOOL": ("boolean", 1, { Double($0) }),
    ]

    private static func half(_ bits: UInt64) -> Double {
        let (exponent, fraction) = (Int(bits >> 10 & 31), Double(bits & 1023) / 1024)
        let sign: Double = bits >> 15 == 0 ? 1 : -1
        switch exponent {
        case 0: return sign * fraction * 0x1p-14
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * (1 + fraction) * pow(2, Double(exponent - 15))
        }
    }
}
