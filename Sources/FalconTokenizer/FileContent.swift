import Foundation

/// Reading whole files, with errors that name them.
enum FileContent {
    /// - Throws: `TokenizerError` where the file is missing, a folder, or cannot be read.
    static func bytes(of path: String) throws -> [UInt8] {
        guard FileManager.default.fileExists(atPath: path) else { throw TokenizerError(path, "no such file") }
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw TokenizerError(path, "cannot be read as a file")
        }
        return [UInt8](data)
    }

    /// The content of a file that may be missing.
    static func bytes(ofOptional path: String) throws -> [UInt8]? {
        FileManager.default.fileExists(atPath: path) ? try bytes(of: path) : nil
    }
}
