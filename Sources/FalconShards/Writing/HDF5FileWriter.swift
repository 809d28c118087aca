internal import CHDF5
import FalconTensor
import Foundation

/// An HDF5 file being written, under a temporary name until `finish`. Used by one thread at a time.
///
/// The same contents give the same bytes: no times are recorded.
///
/// A file that is not finished, because writing failed or nobody wants it any more, is removed and its handles are
/// abandoned: closing them would write, and the library (1.10.8) crashes where that fails.
final class HDF5FileWriter {
    /// The file's name once it is whole.
    let path: String
    private let temporary: String
    private var handle: HDF5Handle?

    /// Starts a file. Nothing is seen under `path` before `finish`.
    init(path: String) throws {
        self.path = path
        let temporary = path + ".partial-\(getpid())"
        self.temporary = temporary
        UnfinishedFiles.begin(temporary)
        var isStarted = false
        defer { if !isStarted { UnfinishedFiles.end(temporary) } }
        handle = try HDF5Library.enter {
            try HDF5FileWriter.registerZstd(path)
            let access = try HDF5Handle(
                H5Pcreate(falcon_h5_file_access_class()), "H5Pcreate", path, closing: H5Pclose)
            try HDF5Library.check(H5Pset_file_locking(access.identifier, false, true), "H5Pset_file_locking", path)
            // Closing the file closes its datasets too, so that it really is closed before it is renamed or removed.
            try HDF5Library.check(
                H5Pset_fclose_degree(access.identifier, H5F_CLOSE_STRONG), "H5Pset_fclose_degree", path)
            return try HDF5Handle(
                unsafe H5Fcreate(
                    temporary, falcon_h5_truncate(), falcon_h5_default_properties(), access.identifier),
                "H5Fcreate", path, closing: H5Fclose)
        }
        isStarted = true
    }

    deinit {
        guard let handle else { return }
        handle.abandon()
        unsafe unlink(temporary)
        UnfinishedFiles.end(temporary)
    }

    /// Closes the file, makes it last on the disk and gives it its name. All its datasets must be gone by now.
    ///
    /// - Returns: the file's length in bytes.
    func finish() throws -> Int {
        guard let open = handle else { preconditionFailure("\(path) is finished twice") }
        // Where this fails the file stays to be abandoned; behind it, closing has nothing left to write.
        try HDF5Library.enter {
            _ = try HDF5Library.check(H5Fflush(open.identifier, H5F_SCOPE_GLOBAL), "H5Fflush", path)
        }
        handle = nil
        defer { UnfinishedFiles.end(temporary) }
        do {
            try open.close("H5Fclose", path)
            let descriptor = unsafe Foundation.open(temporary, O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileError.system(path, "opening it") }
            defer { close(descriptor) }
            var information = stat()
            guard unsafe fstat(descriptor, &information) == 0 else { throw FileError.system(path, "reading its size") }
            guard fsync(descriptor) == 0 else { throw FileError.system(path, "syncing it") }
            guard unsafe rename(temporary, path) == 0 else { throw FileError.system(path, "renaming it into place") }
            AtomicFile.syncFolder(of: path)
            return Int(information.st_size)
        } catch {
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Adds a text attribute to the root group.
    func set(_ attribute: String, to text: String) throws {
        try HDF5Library.enter {
            let type = try makeTextType()
            let space = try HDF5Handle(H5Screate(H5S_SCALAR), "H5Screate", path, closing: H5Sclose)
            let object = try create(attribute, type, space)
            try unsafe text.withCString { start in
                var pointer: UnsafePointer<CChar>? = unsafe start
                try HDF5Library.check(unsafe H5Awrite(object.identifier, type.identifier, &pointer), "H5Awrite", path)
            }
        }
    }

    /// Adds a whole-number attribute to the root group, 64 bits wide.
    func set(_ attribute: String, to number: Int) throws {
        try HDF5Library.enter {
            let space = try HDF5Handle(H5Screate(H5S_SCALAR), "H5Screate", path, closing: H5Sclose)
            let type = try HDF5ElementType.int64.makeHandle(path)
            let object = try create(attribute, type, space)
            var value = Int64(number)
            try HDF5Library.check(
                unsafe H5Awrite(object.identifier, falcon_h5_native_int64(), &value), "H5Awrite", path)
        }
    }

    /// Writes a one-dimensional dataset of strings, of variable length.
    func write(_ name: String, texts: [String]) throws {
        try HDF5Library.enter {
            let type = try makeTextType()
            let dataset = try create(name, type, rows: texts.count)
            let copies = unsafe texts.map { unsafe strdup($0) }
            defer { unsafe copies.forEach { unsafe free($0) } }
            try unsafe write(dataset, type, copies)
            try dataset.close("H5Dclose", path)
        }
    }

    /// Writes a one-dimensional dataset of whole numbers in one piece.
    func write(_ name: String, integers: [Int64]) throws {
        try HDF5Library.enter {
            let type = try HDF5ElementType.int64.makeHandle(path)
            let dataset = try create(name, type, rows: integers.count)
            try write(dataset, type, Int64.bytes(of: integers))
            try dataset.close("H5Dclose", path)
        }
    }

    /// Starts a dataset that grows by rows, stored in chunks through byte shuffle and zstd.
    ///
    /// - Parameters:
    ///   - width: elements of a row; `nil` makes the dataset one-dimensional.
    ///   - chunkRows: rows of a chunk.
    ///   - level: zstd's compression level.
    func growingDataset(
        _ name: String, _ type: HDF5ElementType, width: Int?, chunkRows: Int, level: Int
    ) throws -> HDF5GrowingDataset {
        var empty: [hsize_t] = [0] + (width.map { [hsize_t($0)] } ?? [])
        var largest: [hsize_t] = [falcon_h5_unlimited()] + (width.map { [hsize_t($0)] } ?? [])
        var chunk: [hsize_t] = [hsize_t(chunkRows)] + (width.map { [hsize_t($0)] } ?? [])
        let dataset = try HDF5Library.enter {
            let creation = try makeCreation()
            try HDF5Library.check(
                unsafe H5Pset_chunk(creation.identifier, Int32(chunk.count), &chunk), "H5Pset_chunk", path)
            try HDF5Library.check(H5Pset_shuffle(creation.identifier), "H5Pset_shuffle", path)
            var setting = UInt32(level)
            try HDF5Library.check(
                unsafe H5Pset_filter(
                    creation.identifier, ChunkFilters.zstdIdentifier, falcon_h5_filter_mandatory(), 1, &setting),
                "H5Pset_filter", path)
            let space = try HDF5Handle(
                unsafe H5Screate_simple(Int32(empty.count), &empty, &largest), "H5Screate_simple", path,
                closing: H5Sclose)
            return try create(name, type.makeHandle(path), space, creation)
        }
        return HDF5GrowingDataset(
            name, dataset, path: path, elementSize: type.size, width: width, chunkRows: chunkRows, level: level)
    }

    private func makeTextType() throws -> HDF5Handle {
        let type = try HDF5Handle(H5Tcopy(falcon_h5_c_string()), "H5Tcopy", path, closing: H5Tclose)
        try HDF5Library.check(H5Tset_size(type.identifier, falcon_h5_variable_length()), "H5Tset_size", path)
        try HDF5Library.check(H5Tset_cset(type.identifier, H5T_CSET_UTF8), "H5Tset_cset", path)
        return type
    }

    private func makeCreation() throws -> HDF5Handle {
        let creation = try HDF5Handle(
            H5Pcreate(falcon_h5_dataset_create_class()), "H5Pcreate", path, closing: H5Pclose)
        try HDF5Library.check(H5Pset_obj_track_times(creation.identifier, false), "H5Pset_obj_track_times", path)
        return creation
    }

    private var file: hid_t {
        guard let handle else { preconditionFailure("\(path) is finished") }
        return handle.identifier
    }

    private func create(_ attribute: String, _ type: HDF5Handle, _ space: HDF5Handle) throws -> HDF5Handle {
        let defaults = falcon_h5_default_properties()
        return try HDF5Handle(
            unsafe H5Acreate2(file, attribute, type.identifier, space.identifier, defaults, defaults), "H5Acreate2",
            path, closing: H5Aclose)
    }

    private func create(_ name: String, _ type: HDF5Handle, rows: Int) throws -> HDF5Handle {
        var extent = [hsize_t(rows)]
        let space = try HDF5Handle(
            unsafe H5Screate_simple(1, &extent, nil), "H5Screate_simple", path, closing: H5Sclose)
        return try create(name, type, space, makeCreation())
    }

    private func create(
        _ name: String, _ type: HDF5Handle, _ space: HDF5Handle, _ creation: HDF5Handle
    ) throws -> HDF5Handle {
        let defaults = falcon_h5_default_properties()
        return try HDF5Handle(
            unsafe H5Dcreate2(
                file, name, type.identifier, space.identifier, defaults, creation.identifier, defaults),
            "H5Dcreate2", path, closing: H5Dclose)
    }

    private func write<Element>(_ dataset: HDF5Handle, _ type: HDF5Handle, _ elements: [Element]) throws {
        let written = unsafe elements.withUnsafeBytes { source in
            unsafe H5Dwrite(
                dataset.identifier, type.identifier, falcon_h5_whole_space(), falcon_h5_whole_space(),
                falcon_h5_default_properties(), source.baseAddress)
        }
        do {
            try HDF5Library.check(written, "H5Dwrite", path)
        } catch {
            dataset.abandon()
            throw error
        }
    }

    /// The library refuses to name a filter that it does not know. Ours compresses nothing: chunks are written as they
    /// are, past the pipeline, and the registered function fails if it is ever asked.
    private static func registerZstd(_ path: String) throws {
        let known = H5Zfilter_avail(ChunkFilters.zstdIdentifier)
        guard try HDF5Library.check(known, "H5Zfilter_avail", path) == 0 else { return }
        var entry = unsafe H5Z_class2_t(
            version: falcon_h5_filter_class_version(), id: ChunkFilters.zstdIdentifier, encoder_present: 1,
            decoder_present: 1, name: falcon_h5_zstd_name(), can_apply: nil, set_local: nil,
            filter: { _, _, _, _, _, _ in 0 })
        try HDF5Library.check(unsafe H5Zregister(&entry), "H5Zregister", path)
    }
}
