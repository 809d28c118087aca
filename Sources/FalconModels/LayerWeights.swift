import FalconTensor
import FalconWeights

/// Reads the weights of one layer by names relative to a scope, each with the shape that the layer needs.
///
/// A tensor that is missing or has another shape is an error that names the file, the full name and both shapes; so
/// no weight is ever left as it was in memory.
package struct LayerWeights {
    private let source: Source
    private let prefix: String
    /// Looks at each value that is read; `nil`: nobody does.
    private let checker: ThreadPool?

    private enum Source {
        case folder(WeightFolder)
        case memory([String: Tensor])
    }

    package init(_ folder: WeightFolder) { self.init(.folder(folder), prefix: "", checker: nil) }

    /// Weights of a folder of which every value that is read is looked at first.
    ///
    /// It costs one pass over bytes that the packing behind it reads next, from memory instead of the disk.
    package init(_ folder: WeightFolder, checkedOn pool: ThreadPool) {
        self.init(.folder(folder), prefix: "", checker: pool)
    }

    /// Weights in memory by their full names, e.g. those of a network in training.
    package init(_ tensors: [String: Tensor]) { self.init(.memory(tensors), prefix: "", checker: nil) }

    private init(_ source: Source, prefix: String, checker: ThreadPool?) {
        (self.source, self.prefix, self.checker) = (source, prefix, checker)
    }

    /// The weights below `name`.
    package func scope(_ name: String) -> LayerWeights {
        LayerWeights(source, prefix: prefix + name + ".", checker: checker)
    }

    /// Whether there is a tensor of this name.
    package func contains(_ name: String) -> Bool {
        switch source {
        case .folder(let folder): folder.contains(prefix + name)
        case .memory(let tensors): tensors[prefix + name] != nil
        }
    }

    /// A matrix `[rows, columns]`, left in its file where it lies there contiguously.
    ///
    /// - Throws: `FileError` where the tensor is missing, has another shape or holds whole numbers, or, of weights that
    ///   are checked, values that are infinite or not a number.
    package func matrix(_ name: String, rows: Int, columns: Int) throws -> StoredMatrix {
        try matrix(name, rows: rows, columns: columns, rowOrder: nil)
    }

    /// The same with rows in another order than the stored one; for weights of a folder only.
    func matrix(_ name: String, rows: Int, columns: Int, rowOrder: RowOrder?) throws -> StoredMatrix {
        guard case .folder(let folder) = source else { return StoredMatrix(try tensor(name, [rows, columns])) }
        var stored = try folder.stored(prefix + name, shape: [rows, columns])
        try check(stored)
        if let rowOrder { stored = stored.renamed(stored.name, rowOrder: rowOrder) }
        return try stored.matrix ?? StoredMatrix(stored.tensor())
    }

    /// A vector `[count]` as float32.
    ///
    /// - Throws: as `matrix`.
    package func vector(_ name: String, count: Int) throws -> Tensor {
        try tensor(name, [count])
    }

    /// A norm's weight `[count]`, with what the family's plan adds to it.
    func norm(_ name: String, count: Int, offset: Float) throws -> Tensor {
        let weight = try vector(name + ".weight", count: count)
        return offset == 0 ? weight : Tensor(weight.scalars.map { $0 + offset }, [count])
    }

    private func check(_ stored: StoredTensor) throws {
        guard let checker, try !stored.isFinite(on: checker) else { return }
        throw FileError(stored.file.path, WeightCheck.notFinite(stored.name))
    }

    private func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        switch source {
        case .folder(let folder):
            let stored = try folder.stored(prefix + name, shape: shape)
            try check(stored)
            return try stored.tensor()
        case .memory(let tensors):
            guard let tensor = tensors[prefix + name], tensor.shape == shape else {
                let found = tensors[prefix + name].map { "has shape \($0.shape)" } ?? "is missing"
                throw FileError("weights in memory", "tensor '\(prefix + name)' \(found), not \(shape)")
            }
            return tensor
        }
    }
}
