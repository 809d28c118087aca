internal import CHDF5
import FalconTensor

/// An HDF5 file opened for reading. Safe to use from several threads.
///
/// Only what lies in the file itself is followed: soft and external links, external raw storage and virtual datasets
/// are refused, since a file from elsewhere could point them at anything.
package final class HDF5File: @unchecked Sendable {
    package let path: String
    /// The file's length in bytes: no dataset may claim more stored bytes than that.
    package let byteCount: Int
    private let handle: HDF5Handle

    /// - Throws: `FileError` where there is no such plain file, `HDF5Error` where it is no whole HDF5 file.
    package init(path: String) throws {
        self.path = path
        byteCount = try MappedFile(path: path).count
        handle = try HDF5Library.enter {
            let access = try HDF5Handle(
                H5Pcreate(falcon_h5_file_access_class()), "H5Pcreate", path, closing: H5Pclose)
            // A finished file never changes, and many cluster file systems know no locks.
            try HDF5Library.check(H5Pset_file_locking(access.identifier, false, true), "H5Pset_file_locking", path)
            return try HDF5Handle(
                unsafe H5Fopen(path, falcon_h5_read_only(), access.identifier), "H5Fopen", path, closing: H5Fclose)
        }
    }

    /// Whether the root group has an object of this name.
    package func contains(_ name: String) throws -> Bool {
        try HDF5Library.enter { try exists(name) }
    }

    /// A dataset of the root group.
    ///
    /// - Throws: `FileError` where there is none of this name or its layout, type or filters are not supported.
    package func dataset(_ name: String) throws -> HDF5Dataset {
        let dataset = try HDF5Library.enter {
            guard try exists(name) else { throw FileError(path, "has no dataset \(name)") }
            var information = H5L_info_t()
            try HDF5Library.check(
                unsafe H5Lget_info(handle.identifier, name, &information, falcon_h5_default_properties()),
                "H5Lget_info", path)
            guard information.type == H5L_TYPE_HARD else {
                throw FileError(path, "\(name) is a link to another place, which is not followed")
            }
            return try HDF5Handle(
                unsafe H5Dopen2(handle.identifier, name, falcon_h5_default_properties()), "H5Dopen2", path,
                closing: H5Dclose)
        }
        return try HDF5Dataset(name, dataset, in: self)
    }

    /// A text attribute of the root group.
    package func text(_ attribute: String) throws -> String {
        let values = try HDF5Library.enter {
            let object = try open(attribute)
            let type = try HDF5Handle(H5Aget_type(object.identifier), "H5Aget_type", path, closing: H5Tclose)
            return try unsafe HDF5Text.read(type, count: 1, in: self, of: "the attribute \(attribute)") {
                memory, target in
                unsafe H5Aread(object.identifier, memory, target)
            }
        }
        return values[0]
    }

    /// A whole-number attribute of the root group, stored in any width.
    package func integer(_ attribute: String) throws -> Int {
        try HDF5Library.enter {
            let object = try open(attribute)
            let type = try HDF5Handle(H5Aget_type(object.identifier), "H5Aget_type", path, closing: H5Tclose)
            guard H5Tget_class(type.identifier) == H5T_INTEGER else {
                throw FileError(path, "the attribute \(attribute) is not a whole number")
            }
            var value: Int64 = 0
            try HDF5Library.check(
                unsafe H5Aread(object.identifier, falcon_h5_native_int64(), &value), "H5Aread", path)
            return Int(value)
        }
    }

    private func exists(_ name: String) throws -> Bool {
        try HDF5Library.check(
            unsafe H5Lexists(handle.identifier, name, falcon_h5_default_properties()), "H5Lexists", path) > 0
    }

    /// Opens an attribute that holds one value.
    private func open(_ attribute: String) throws -> HDF5Handle {
        let found = unsafe H5Aexists(handle.identifier, attribute)
        guard try HDF5Library.check(found, "H5Aexists", path) > 0 else {
            throw FileError(path, "has no attribute \(attribute)")
        }
        let object = try HDF5Handle(
            unsafe H5Aopen(handle.identifier, attribute, falcon_h5_default_properties()), "H5Aopen", path,
            closing: H5Aclose)
        let space = try HDF5Handle(H5Aget_space(object.identifier), "H5Aget_space", path, closing: H5Sclose)
        guard H5Sget_simple_extent_npoints(space.identifier) == 1 else {
            throw FileError(path, "the attribute \(attribute) does not hold one value")
        }
        return object
    }
}
