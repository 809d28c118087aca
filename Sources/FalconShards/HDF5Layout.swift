internal import CHDF5
import FalconTensor

/// How a dataset lies in its file, read from its header and checked against the file's length.
struct HDF5Layout {
    let shape: [Int]
    let elementType: HDF5ElementType?
    /// `nil` where the dataset is stored in one piece.
    let chunkRows: Int?
    let filters: ChunkFilters
    let storedByteCount: Int

    /// Called behind the door of `HDF5Library`.
    ///
    /// - Throws: `FileError` where the layout is not supported or cannot be true.
    init(of dataset: HDF5Handle, named name: String, in file: HDF5File) throws {
        let path = file.path
        func refuse(_ problem: String) -> FileError { FileError(path, "the dataset \(name) \(problem)") }

        let type = try HDF5Handle(H5Dget_type(dataset.identifier), "H5Dget_type", path, closing: H5Tclose)
        elementType = try HDF5ElementType(of: type, path)
        let space = try HDF5Handle(H5Dget_space(dataset.identifier), "H5Dget_space", path, closing: H5Sclose)
        let axes = try HDF5Library.check(
            H5Sget_simple_extent_ndims(space.identifier), "H5Sget_simple_extent_ndims", path)
        guard axes > 0 else { throw refuse("has no axes") }
        var extent = [hsize_t](repeating: 0, count: Int(axes))
        try HDF5Library.check(
            unsafe H5Sget_simple_extent_dims(space.identifier, &extent, nil), "H5Sget_simple_extent_dims", path)
        guard let shape = HDF5Layout.shape(extent, elementSize: H5Tget_size(type.identifier)) else {
            throw refuse("claims the impossible shape \(extent)")
        }
        self.shape = shape
        guard let stored = Int(exactly: H5Dget_storage_size(dataset.identifier)), stored <= file.byteCount else {
            throw refuse("claims more stored bytes than the file has")
        }
        storedByteCount = stored

        let creation = try HDF5Handle(
            H5Dget_create_plist(dataset.identifier), "H5Dget_create_plist", path, closing: H5Pclose)
        let layout = H5Pget_layout(creation.identifier)
        guard layout == H5D_CHUNKED else {
            guard layout == H5D_COMPACT || layout == H5D_CONTIGUOUS,
                H5Pget_external_count(creation.identifier) == 0
            else { throw refuse("is stored in another file, which is not followed") }
            // Text of variable length lies elsewhere in the file; numbers are all here.
            if let elementType, stored != shape.reduce(elementType.size, *) {
                throw refuse("has \(stored) stored bytes, which do not fit its shape \(shape)")
            }
            (chunkRows, filters) = (nil, ChunkFilters(steps: []))
            return
        }

        var chunk = [hsize_t](repeating: 0, count: Int(axes))
        try HDF5Library.check(
            unsafe H5Pget_chunk(creation.identifier, axes, &chunk), "H5Pget_chunk", path)
        guard let chunkShape = HDF5Layout.shape(chunk, elementSize: H5Tget_size(type.identifier)), chunkShape[0] > 0
        else { throw refuse("claims impossible chunks of \(chunk)") }
        guard chunkShape.dropFirst() == shape.dropFirst() else {
            throw refuse("has chunks \(chunkShape) that are not whole rows of its shape \(shape)")
        }
        // Each chunk takes a byte at least; this bounds the work that a claimed row count can cause.
        guard (shape[0] + chunkShape[0] - 1) / chunkShape[0] <= max(stored, 1) else {
            throw refuse("claims \(shape[0]) rows, more than its \(stored) stored bytes can hold")
        }
        chunkRows = chunkShape[0]
        filters = try HDF5Layout.filters(of: creation, path, refuse)
    }

    /// The shape as whole numbers, where it and its size in bytes can be counted.
    private static func shape(_ extent: [hsize_t], elementSize: Int) -> [Int]? {
        var shape: [Int] = []
        var bytes = max(1, elementSize)
        for size in extent {
            guard let size = Int(exactly: size) else { return nil }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: max(1, size))
            // Half of the range is left free, so that rounding up to whole chunks cannot overflow either.
            guard !overflow, product < Int.max / 2 else { return nil }
            bytes = product
            shape.append(size)
        }
        return shape
    }

    private static func filters(
        of creation: HDF5Handle, _ path: String, _ refuse: (String) -> FileError
    ) throws -> ChunkFilters {
        let count = try HDF5Library.check(H5Pget_nfilters(creation.identifier), "H5Pget_nfilters", path)
        let steps = try (0..<UInt32(count)).map { index in
            var (flags, settingCount, configuration): (UInt32, Int, UInt32) = (0, 1, 0)
            var setting: UInt32 = 0
            let filter = try HDF5Library.check(
                unsafe H5Pget_filter2(
                    creation.identifier, index, &flags, &settingCount, &setting, 0, nil, &configuration),
                "H5Pget_filter2", path)
            switch filter {
            case falcon_h5_shuffle():
                guard (1...16).contains(setting) else { throw refuse("shuffles elements of \(setting) bytes") }
                return ChunkFilters.Step.shuffle(elementSize: Int(setting))
            case ChunkFilters.zstdIdentifier:
                return .zstd
            default:
                throw refuse("is stored through filter \(filter); only shuffle and zstd are supported, repack it")
            }
        }
        return ChunkFilters(steps: steps)
    }
}
