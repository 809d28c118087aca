import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

/// Paths and files that are not what was asked for are named for what they are, with what to do.
@Suite struct ModelPathTests {
    private func refusal(_ path: String, as role: ModelPath.Role = .target) -> String {
        do {
            try ModelPath.check(path, as: role)
            return "taken"
        } catch {
            #expect(!"\(error)".contains("\n"))
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("meta-llama/Llama-3.2-1B", "hf download meta-llama/Llama-3.2-1B"),
        ("https://huggingface.co/a/b", "is an address"), ("/nowhere/at/all", "no such folder"),
        ("./a/b", "no such folder"), ("nowhere", "no such folder"),
    ])
    func `a path that is not there may be a name`(path: String, words: String) {
        #expect(refusal(path).contains(words), "\(refusal(path))")
        #expect(refusal(path, as: .draft).contains(words))
    }

    @Test(arguments: [
        ("model.gguf", "GGUF\u{3}\0\0\0", "is a GGUF file"), ("x.safetensors", "", "is one file of the target model"),
        ("config.json", "{}", "is one file"), ("model.onnx", "\u{8}\u{7}", "ONNX"), ("x.zip", "PK\u{3}\u{4}", "zip"),
        ("x", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        ("x", "what", "give the folder"),
    ])
    func `a file is no folder`(name: String, content: String, words: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(content, to: name)
        #expect(refusal(path).contains(words), "\(refusal(path))")
    }

    @Test(arguments: [
        (["adapter_config.json", "adapter_model.safetensors"], "merge it into its base model"),
        (["model-q4.gguf"], "model-q4.gguf"), (["model.onnx"], "ONNX"),
        (["consolidated.00.pth", "params.json"], "consolidated.00.pth"), (["model.safetensors.gz"], "packed"),
        (["tf_model.h5"], "TensorFlow"), (["medusa_lm_head.pt"], "Medusa"), (["refs", "snapshots"], "snapshots/"),
        (["model.safetensors"], "no config.json"),
        (["latest", "step-000010"], "is a training run"), (["onnx"], "ONNX"),
        (["model.safetensors", "adapter_config.json"], "no config.json"),
        (["manifest.json", "shard-00000.h5"], "feature shards"), ([], "empty folder"),
    ])
    func `a folder without a configuration says what it holds`(files: [String], words: String) throws {
        let folder = try TemporaryFolder()
        for name in files { try folder.write("x", to: name) }
        #expect(refusal(folder.path).contains(words), "\(refusal(folder.path))")
    }

    @Test(arguments: [
        ("adapter_model.safetensors", "adapter"), ("model.onnx", "ONNX"),
        ("consolidated.00.pth", "consolidated.00.pth"),
        ("model.safetensors.gz", "packed"), ("model.gguf", "model.gguf"), ("model-00001-of-00002.safetensors", "index"),
        ("model.safetensors.incomplete", "has not ended"), ("notes.txt", "holds no weights"),
    ])
    func `a folder without weights says what it holds in their place`(name: String, words: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("{}", to: "config.json")
        try folder.write("x", to: name)
        let error = #expect(throws: FileError.self) { try WeightFolder(path: folder.path) }
        #expect(error?.problem.contains(words) == true, "\(String(describing: error))")
    }

    static let contents: [(content: [UInt8], words: String)] = [
        (Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2\n".utf8), "Git LFS pointer"),
        (Array("\n<!DOCTYPE html>\n<html><body>Sign in</body></html>".utf8), "web page"),
        (Array("<html>".utf8), "web page"), (Array("Entry not found".utf8), "server's answer"),
        (Array("Invalid username or password.".utf8), "server's answer"), (Array("GGUF\u{3}\0\0\0".utf8), "GGUF"),
        ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], "gzip"), ([0x50, 0x4B, 3, 4, 0, 0, 0, 0, 9], "zip"), ([], "is empty"),
        ([0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0, 0], "zstd"),
    ]

    @Test(arguments: contents)
    func `a file of another kind is called by its name`(content: [UInt8], words: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("{}", to: "config.json")
        for name in ["model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"] {
            // A zip archive is what a PyTorch file is.
            if name.hasSuffix(".bin"), words == "zip" { continue }
            let path = try folder.write(content, to: name)
            let error = #expect(throws: FileError.self) { try WeightFolder(path: path) }
            #expect(error?.problem.contains(words) == true, "\(name): \(String(describing: error))")
            #expect(error?.path == path)
        }
        try folder.write(content, to: "config.json")
        let error = #expect(throws: FileError.self) { try ModelConfiguration(folder: folder.path) }
        #expect(error?.problem.contains(words) == true, "\(String(describing: error))")
    }
}
