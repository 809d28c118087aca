import Foundation

extension SHA256Digest {
    /// The digest of a whole file, read in pieces of one mebibyte, 64 lower-case hexadecimal digits.
    ///
    /// - Throws: Foundation's error where the file cannot be opened or read.
    package static func hexadecimal(ofFile path: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var digest = SHA256Digest()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            digest.update([UInt8](piece))
        }
        return digest.hexadecimal()
    }
}
