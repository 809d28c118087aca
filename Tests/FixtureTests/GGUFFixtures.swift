import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation

extension FixtureFamily {
    /// Every type of blocks, dequantised by `falcon-inspect weights`: to the bit.
    static let ggufBlocks = FixtureFamily(name: "gguf-blocks") { folder in
        let blocks = FixtureFolder(path: folder + "/gguf/blocks")
        let optional = FixtureFolder(path: folder + "/gguf/blocks/optional")
        return try blocks.folders(with: "blocks.gguf").map { type in
            FixtureJob(type.name) { comparison in
                let scratch = try TemporaryFolder()
                let dumped = try Command.inspect(
                    ["weights", "--weights", type["blocks.gguf"]], in: scratch, "dump.safetensors")
                for (name, expected) in try type.tensors("expected.safetensors").reals {
                    comparison.equal(dumped.reals[name]?.shape, expected.shape, "the shape of \(name)")
                    // 0 and -0 are equal.
                    comparison.equal(dumped.reals[name]?.scalars, expected.scalars, "the values of \(name)")
                }
            }
        }
            + optional.folders(with: "blocks.gguf").map { type in
                FixtureJob("optional \(type.name)") { comparison in
                    // May be refused, but by name.
                    let result = try CommandRunner.run(
                        "falcon-inspect", ["weights", "--weights", type["blocks.gguf"]])
                    comparison.equal(result.status, 1, "the exit status")
                    comparison.expect(
                        result.stderr.contains(type.name.uppercased()), "the type is not named: \(result.stderr)")
                }
            }
    }

    /// Whole models by `falcon-inspect features`; one is there as a folder, too.
    static let ggufModels = FixtureFamily(name: "gguf-models") { folder in
        try FixtureFolder(path: folder + "/gguf/models").folders(with: "expected.safetensors").flatMap { model in
            let file = try model.contents.first { $0.hasSuffix(".gguf") } ?? "model.gguf"
            return ([file] + (model.has("hf") ? ["hf"] : [])).map { name in
                FixtureJob("\(model.name) \(name)") { comparison in
                    let golden = try model.tensors("expected.safetensors")
                    let tokens = try golden.tokens("input_ids").map(String.init).joined(separator: ",")
                    let found = try Command.inspect(
                        ["features", "--target", model[name], "--tokens", tokens], in: TemporaryFolder(),
                        "features.safetensors")
                    for tensor in ["hidden", "logits"] {
                        comparison.close(
                            try found.real(tensor), try golden.real(tensor).flat, absolute: 2e-4, tensor)
                    }
                }
            }
        }
    }

    /// Files that must be accepted, and files that must be refused in one line.
    static let ggufFiles = FixtureFamily(name: "gguf-files") { folder in
        let (good, bad) = (FixtureFolder(path: folder + "/gguf/good"), FixtureFolder(path: folder + "/gguf/bad"))
        func files(_ folder: FixtureFolder, _ list: String) throws -> [(file: String, level: String)] {
            try folder.json(list).array?.map { ($0["file"]?.string ?? "", $0["level"]?.string ?? "") } ?? []
        }
        let features = ["--tokens", "1", "--output", "features.safetensors"]
        return try files(good, "good.json").map { file, _ in
            FixtureJob("good \(file)") { comparison in
                let listed = try CommandRunner.run("falcon-inspect", ["weights", "--weights", good[file]])
                comparison.equal(listed.status, 0, "the exit status of weights (\(listed.stderr))")
                // A file without tensors is no model.
                guard !file.hasPrefix("metadata") else { return }
                let found = try Command.inspect(
                    ["features", "--target", good[file], "--tokens", "1,2,3"], in: TemporaryFolder(),
                    "features.safetensors")
                comparison.expect(try found.real("hidden").isFinite, "features are not finite")
            }
        }
            + files(bad, "bad.json").map { file, level in
                FixtureJob("bad \(file)") { comparison in
                    // Of a split model the file at fault is named, whichever was opened.
                    let name = level == "split" ? (file as NSString).deletingLastPathComponent : file
                    for arguments in [["features"] + features, ["model"], ["weights"]] {
                        guard level != "model" || arguments[0] != "weights" else { continue }
                        let option = arguments[0] == "weights" ? "--weights" : "--target"
                        try comparison.refused(
                            "falcon-inspect", [arguments[0], option, bad[file]] + arguments.dropFirst(),
                            naming: name)
                    }
                }
            }
    }
}
