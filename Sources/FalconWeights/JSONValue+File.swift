import FalconJSON
import FalconTensor

extension JSONValue {
    /// Reads a JSON document of a model's folder.
    ///
    /// - Parameters:
    ///   - bytes: the whole document, UTF-8.
    ///   - path: the file it comes from, for messages.
    ///   - part: what of the file the bytes are, e.g. "the header", where they are not all of it.
    /// - Throws: `FileError` that says where the document is malformed.
    package init(parsing bytes: [UInt8], from path: String, part: String? = nil) throws {
        do {
            self = try JSONParser.parse(bytes)
        } catch {
            // A header's bytes have a sound file around them.
            if part == nil, let problem = FileSignature.problem(beginning: Array(bytes.prefix(FileSignature.length))) {
                throw FileError(path, problem)
            }
            let whole = part.map { $0 + " " } ?? ""
            throw FileError(path, "\(whole)is not valid JSON: \(error)")
        }
    }

    /// Reads a JSON file. - Throws: `FileError` where it is missing or malformed.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        try self.init(parsing: file.bytes(0..<file.count), from: path)
    }
}
