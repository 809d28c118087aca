import FalconShards
import FalconTensor
import FalconTokenizer
import Foundation

/// Reads data sets from where people have them: plain files, files packed with zstd, pipes.
package enum DatasetFile {
    /// The data set's content, unpacked.
    ///
    /// - Throws: `FileError` where there is no such file, saying what the name seems to be, or it cannot be read.
    package static func bytes(of path: String) throws -> [UInt8] {
        guard FileManager.default.fileExists(atPath: path) else { throw FileError(path, ForeignFile.missing(path)) }
        let real = (path as NSString).resolvingSymlinksInPath
        let type = try? FileManager.default.attributesOfItem(atPath: real)[.type] as? FileAttributeType
        if type == .typeDirectory { throw FileError(path, problem(folder: path)) }
        // A shell's <(zcat chats.gz), or a program that writes into a pipe.
        if let type, type != .typeRegular {
            guard let data = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd() else {
                throw FileError(path, "gives no data to read")
            }
            return [UInt8](data)
        }
        return try CompressedFile.bytes(of: path)
    }

    /// - Throws: `FileError` where the file cannot be read, `TokenizerError` where it holds no JSON.
    package static func read(_ path: String) throws -> ChatReading {
        try ChatDataset.rows(bytes(of: path), path: path)
    }

    private static func problem(folder: String) -> String {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        if names.contains("config.json") { return "is a model's folder; the data set is a .json or .jsonl file" }
        if names.contains("manifest.json") {
            return "is a folder of finished features; the data set is a file of chats"
        }
        let endings = [".json", ".jsonl", ".json.zst", ".jsonl.zst"]
        let file = names.first { name in endings.contains { name.hasSuffix($0) } && name != "dataset_infos.json" }
        return "is a folder; give one file of it" + (file.map { ", e.g. \(folder)/\($0)" } ?? ", .json or .jsonl")
    }
}
