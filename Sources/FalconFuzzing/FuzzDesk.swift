import FalconShards
import FalconTensor
import FalconWeights
import Foundation

/// The folder in which a fuzzer puts one input after the other under the name that the reader expects.
package final class FuzzDesk {
    /// The fuzzer's own mishap, told apart from what readers throw.
    package struct Failure: Error, CustomStringConvertible { package let description: String }

    package let path: String
    let seeds: FuzzSeeds
    let pool = ThreadPool(threadCount: 1)
    private var laid: Set<String> = []

    /// Makes a folder of its own, in memory where the system has a place for that.
    package init(seeds: FuzzSeeds) throws {
        let parent =
            FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = parent + "/falcon-fuzz-\(UUID().uuidString)"
        self.seeds = seeds
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Replaces the file `name` by `bytes`.
    ///
    /// - Returns: its path.
    func put(_ bytes: [UInt8], as name: String) throws -> String {
        let file = path + "/" + name
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(description: "\(file): cannot be written") }
        defer { close(descriptor) }
        guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Failure(description: "\(file): cannot be written whole")
        }
        return file
    }

    /// Puts a right file beside the input, once.
    func lay(_ name: String, _ content: () throws -> [UInt8]) throws {
        if laid.insert(name).inserted { _ = try put(content(), as: name) }
    }

    /// Writes a PyTorch archive with the given program and some storages that it may refer to.
    ///
    /// - Returns: its path.
    func putArchive(program: [UInt8]) throws -> String {
        let file = path + "/pytorch_model.bin"
        try AtomicFile.write(file) { file in
            var archive = ZipWriter(file)
            try archive.add("archive/data.pkl", program)
            try archive.add("archive/byteorder", Array("little".utf8))
            for (key, size) in [96, 24, 72, 16].enumerated() {
                try archive.add("archive/data/\(key)", [UInt8](repeating: 0x3F, count: size))
            }
            try archive.finish()
        }
        return file
    }
}
