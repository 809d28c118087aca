internal import CHDF5
import FalconTensor

/// Reading strings, of variable or of fixed length, which HDF5 keeps in two different ways.
enum HDF5Text {
    /// Reads `count` strings behind the door of `HDF5Library`.
    ///
    /// - Parameters:
    ///   - type: the type in the file.
    ///   - count: how many; the caller has checked it against the file's length.
    ///   - object: what they belong to, for errors.
    ///   - read: fills memory laid out by the type it is given.
    static func read(
        _ type: HDF5Handle, count: Int, in file: HDF5File, of object: String,
        _ read: (hid_t, UnsafeMutableRawPointer) -> herr_t
    ) throws -> [String] {
        let path = file.path
        guard H5Tget_class(type.identifier) == H5T_STRING else { throw FileError(path, "\(object) is not text") }
        if try HDF5Library.check(H5Tis_variable_str(type.identifier), "H5Tis_variable_str", path) > 0 {
            return try unsafe readVariable(type, count: count, path, read)
        }
        let size = H5Tget_size(type.identifier)
        guard size > 0, size <= file.byteCount, count <= file.byteCount / size else {
            throw FileError(path, "\(object) claims \(count) strings of \(size) bytes, more than the file has")
        }
        var bytes = [UInt8](repeating: 0, count: count * size)
        try unsafe bytes.withUnsafeMutableBytes { target in
            guard let start = target.baseAddress else { return }
            try HDF5Library.check(unsafe read(type.identifier, start), "H5Dread", path)
        }
        return (0..<count).map { index in
            let text = bytes[(index * size)..<((index + 1) * size)]
            return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func readVariable(
        _ type: HDF5Handle, count: Int, _ path: String, _ read: (hid_t, UnsafeMutableRawPointer) -> herr_t
    ) throws -> [String] {
        let memory = try HDF5Handle(H5Tcopy(falcon_h5_c_string()), "H5Tcopy", path, closing: H5Tclose)
        try HDF5Library.check(H5Tset_size(memory.identifier, falcon_h5_variable_length()), "H5Tset_size", path)
        // Reading converts between character sets only where they are equal.
        try HDF5Library.check(H5Tset_cset(memory.identifier, H5Tget_cset(type.identifier)), "H5Tset_cset", path)
        var extent = [hsize_t(count)]
        let space = try HDF5Handle(
            unsafe H5Screate_simple(1, &extent, nil), "H5Screate_simple", path, closing: H5Sclose)
        var texts = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
        return try unsafe texts.withUnsafeMutableBytes { target in
            guard let start = target.baseAddress else { return [] }
            // What the library allocates for the strings, also for some of them where reading fails half-way.
            defer {
                unsafe H5Dvlen_reclaim(memory.identifier, space.identifier, falcon_h5_default_properties(), start)
            }
            try HDF5Library.check(unsafe read(memory.identifier, start), "H5Dread", path)
            return unsafe target.bindMemory(to: UnsafeMutablePointer<CChar>?.self).map { text in
                unsafe text.map { unsafe String(cString: $0) } ?? ""
            }
        }
    }
}
