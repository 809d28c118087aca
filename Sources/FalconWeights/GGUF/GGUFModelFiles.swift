import FalconTensor
import Foundation

/// A model in one GGUF file or in several, of which any may be named: `NAME-00001-of-00003.gguf` and so on, each with
/// the keys `split.no`, `split.count` and `split.tensors.count`.
package struct GGUFModelFiles: Sendable {
    /// The first file.
    package let path: String
    /// Of the first file; the others have no more than their numbers.
    package let metadata: GGUFMetadata
    /// Of all files, in order.
    package let tensors: [StoredTensor]

    /// Whether a path is meant to be a GGUF file: by its name, or, as Ollama's and the hub's caches have none, by what
    /// the file begins with.
    package static func isMeant(_ path: String) -> Bool {
        // Only a folder holds itself.
        guard !FileManager.default.fileExists(atPath: path + "/.") else { return false }
        if path.lowercased().hasSuffix(".gguf") { return true }
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        return (try? file.read(upToCount: 4)) == Data("GGUF".utf8)
    }

    /// - Throws: `FileError` where a file is missing or damaged, or they do not belong together.
    package init(path: String) throws {
        let opened = try GGUFFile(path: path)
        let count = try opened.metadata.integer("split.count") ?? 1
        guard count != 1 || opened.metadata.contains("split.no") else {
            (self.path, metadata, tensors) = (path, opened.metadata, opened.tensors)
            return
        }
        // Five digits in each name.
        guard (1...99_999).contains(count) else { throw opened.metadata.problem("split.count", "is \(count)") }
        let number = try GGUFModelFiles.number(of: opened, count: count)
        let ending = GGUFModelFiles.ending(number, of: count)
        guard count == 1 || path.hasSuffix(ending) else {
            throw FileError(
                path,
                "is file \(number + 1) of \(count) by 'split.no', so its name must end in \(ending); rename it back")
        }
        let prefix = path.dropLast(count == 1 ? 0 : ending.count)
        var files: [GGUFFile] = []
        for index in 0..<count {
            let name = count == 1 ? path : prefix + GGUFModelFiles.ending(index, of: count)
            guard FileManager.default.fileExists(atPath: name) else {
                throw FileError(
                    path, "'split.count' says that there are \(count) files, but \(name) is missing; download it, too")
            }
            let file = index == number ? opened : try GGUFFile(path: name)
            guard try GGUFModelFiles.number(of: file, count: count) == index else {
                throw file.metadata.problem("split.no", "does not say \(index), which the file's name means")
            }
            files.append(file)
        }
        self.path = files[0].path
        metadata = files[0].metadata
        tensors = files.flatMap(\.tensors)
        var names: Set<String> = []
        for tensor in tensors where !names.insert(tensor.name).inserted {
            throw FileError(tensor.file.path, "tensor \(tensor.name.shown) is in another file of the model, too")
        }
        if let claimed = try metadata.integer("split.tensors.count"), claimed != tensors.count {
            throw metadata.problem(
                "split.tensors.count", "says \(claimed) tensors, the \(count) files hold \(tensors.count)")
        }
    }

    private static func number(of file: GGUFFile, count: Int) throws -> Int {
        guard let number = try file.metadata.integer("split.no") else {
            throw file.metadata.problem("split.no", "is missing in a model of \(count) files")
        }
        guard let claimed = try file.metadata.integer("split.count"), claimed == count else {
            throw file.metadata.problem("split.count", "is not \(count), which another file of the model says")
        }
        guard (0..<count).contains(number) else {
            throw file.metadata.problem("split.no", "is \(number) in a model of \(count) files")
        }
        return number
    }

    private static func ending(_ index: Int, of count: Int) -> String {
        func digits(_ number: Int) -> String { String(repeating: "0", count: 5 - "\(number)".count) + "\(number)" }
        return "-\(digits(index + 1))-of-\(digits(count)).gguf"
    }
}
