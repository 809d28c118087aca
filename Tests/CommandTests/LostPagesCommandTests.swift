import FalconJSON
import FalconTestSupport
import Foundation
import Testing

/// A mapped file that is cut off under a running command.
@Suite struct LostPagesCommandTests {
    @Test func `weights that are cut off while they are read end the command in one line that names them`() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.file("target"), withIntermediateDirectories: true)
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
            try FileManager.default.copyItem(
                atPath: PipelineCommandTests.target + "/" + name, toPath: folder.file("target/" + name))
        }
        let weights = try Data(contentsOf: URL(fileURLWithPath: PipelineCommandTests.target + "/model.safetensors"))
        let path = folder.file("target/model.safetensors")
        // The moment is left to chance: before the file is opened, while it is read, or after that.
        for delay in [0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32] {
            try weights.write(to: URL(fileURLWithPath: path))
            let cut = Thread {
                Thread.sleep(forTimeInterval: delay)
                truncate(path, 3000)
            }
            cut.start()
            let result = try CommandRunner.run(
                "falcon-inspect",
                ["features", "--target", folder.file("target"), "--tokens", "1,2,3", "--output", folder.file("out")])
            #expect(!result.wasKilled, "after \(delay) s: \(result)")
            if result.status != 0 {
                #expect(result.status == 1 && result.stderr.split(separator: "\n").count == 1, "\(result)")
                #expect(result.stderr.contains("model.safetensors"), "\(result)")
            }
        }
    }
}
