import FalconTensor

/// An HDF5 file opened for reading. Safe to use from several threads.
///
/// Files are read by code of our own and written by the HDF5 library: the library (1.10) crashes on some damaged
/// files, works behind one lock, and does not know the newest format. What is read is the part of the format that
/// shards need: datasets in the root group, in one piece or in chunks of whole rows, numbers and text, byte shuffle
/// and zstd. The rest is refused by name. Links to other places and files are never followed.
///
/// Sections in this folder's comments are those of the HDF5 File Format Specification, version 3.0.
package final class HDF5File: Sendable {
    let content: MappedFile
    let text: HDF5Text
    private let root: HDF5Group

    /// - Throws: `FileError` where there is no such plain file, or it is no whole HDF5 file.
    package init(path: String) throws {
        content = try MappedFile(path: path)
        text = HDF5Text(content)
        root = try HDF5Group(content)
    }

    package var path: String { content.path }

    /// The names in the root group, sorted.
    package var names: [String] { root.objects.keys.sorted() }

    /// A dataset of the root group.
    ///
    /// - Throws: `FileError` where there is none of this name or its layout, type or filters are not supported.
    package func dataset(_ name: String) throws -> HDF5Dataset {
        guard let object = root.objects[name] else { throw FileError(path, "has no dataset \(name)") }
        guard let address = object else {
            throw FileError(path, "\(name) is a link to another place, which is not followed")
        }
        return HDF5Dataset(name, try HDF5Layout(HDF5ObjectHeader(content, at: address), named: name), in: self)
    }

    /// A text attribute of the root group.
    package func text(_ attribute: String) throws -> String {
        var (type, value) = try find(attribute)
        switch type {
        case .fixedText, .variableText: return try text.read(type, count: 1, &value)[0]
        default: throw FileError(path, "the attribute \(attribute) is not text")
        }
    }

    /// A whole-number attribute of the root group, stored in any width.
    package func integer(_ attribute: String) throws -> Int {
        var (type, value) = try find(attribute)
        let (size, isSigned): (Int, Bool)
        switch type {
        case .number(let number) where number != .float16 && number != .float32:
            (size, isSigned) = (number.size, number != .uint8 && number != .uint16)
        case .integer(let width, let sign): (size, isSigned) = (width, sign)
        default: throw FileError(path, "the attribute \(attribute) is not a whole number")
        }
        let bits = try value.bits(size)
        // The sign bit moves to the top and back.
        if isSigned { return Int(Int64(bitPattern: bits << UInt64(64 - 8 * size)) >> Int64(64 - 8 * size)) }
        guard let number = Int(exactly: bits) else { throw value.problem("a number is impossibly large") }
        return number
    }

    /// Whether the root group has an attribute.
    package func has(_ attribute: String) throws -> Bool { try search(attribute) != nil }

    private func find(_ name: String) throws -> (HDF5Datatype, HDF5Cursor) {
        guard let found = try search(name) else { throw FileError(path, "has no attribute \(name)") }
        return found
    }

    /// The type and the content of an attribute that holds one value (section IV.A.2.m).
    private func search(_ name: String) throws -> (HDF5Datatype, HDF5Cursor)? {
        for var cursor in try root.header.all(.attribute) {
            let version = try cursor.number(1)
            guard (1...3).contains(version) else { throw cursor.problem("an attribute has an unknown version") }
            let flags = try cursor.number(1)
            let sizes = try (0..<3).map { _ in try cursor.number(2) }
            try cursor.skip(version == 3 ? 1 : 0)
            // Version 1 fills its parts up to whole eights.
            let parts = try sizes.map { size in
                let part = try cursor.take(size)
                try cursor.skip(version == 1 ? -size & 7 : 0)
                return part
            }
            let text = String(decoding: content.bytes(parts[0]).prefix { $0 != 0 }, as: UTF8.self)
            guard text == name else { continue }
            guard version == 1 || flags & 3 == 0 else { throw cursor.problem("an attribute shares its type") }
            var (type, space) = (try HDF5Cursor(content, parts[1]), try HDF5Cursor(content, parts[2]))
            guard try HDF5Dataspace.shape(&space).allSatisfy({ $0 == 1 }) else {
                throw FileError(path, "the attribute \(name) does not hold one value")
            }
            return (try HDF5Datatype(&type), cursor)
        }
        if var information = try root.header.first(.attributeInformation) {
            try information.skip(1)
            try information.skip(try information.number(1) & 1 * 2)
            if try information.address() != nil {
                throw FileError(path, "keeps its attributes in a form that is not supported; repack it with h5repack")
            }
        }
        return nil
    }
}
