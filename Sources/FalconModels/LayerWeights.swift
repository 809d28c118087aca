import FalconTensor
import FalconWeights

/// Reads the weights of one layer by names relative to a scope, each with the shape that the layer needs.
///
/// A tensor that is missing or has another shape is an error that names the file, the full name and both shapes; so
/// no weight is ever left as it was in memory.
package struct LayerWeights {
    private let folder: WeightFolder
    private let prefix: String

    package init(_ folder: WeightFolder, scope: String = "") {
        self.folder = folder
        prefix = scope.isEmpty ? "" : scope + "."
    }

    /// The weights below `name`.
    package func scope(_ name: String) -> LayerWeights { LayerWeights(folder, scope: prefix + name) }

    /// A matrix `[rows, columns]`, left in its file where it lies there contiguously.
    ///
    /// - Throws: `FileError` where the tensor is missing, has another shape or holds whole numbers.
    package func matrix(_ name: String, rows: Int, columns: Int) throws -> StoredMatrix {
        let stored = try folder.stored(prefix + name, shape: [rows, columns])
        if let type = stored.type.elementType, stored.isContiguous {
            return StoredMatrix(file: stored.file, range: stored.range, type: type, rows: rows, columns: columns)
        }
        return StoredMatrix(try stored.tensor())
    }

    /// A vector `[count]` as float32.
    ///
    /// - Throws: as `matrix`.
    package func vector(_ name: String, count: Int) throws -> Tensor {
        try folder.tensor(prefix + name, shape: [count])
    }
}
