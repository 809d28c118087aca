import FalconTensor

/// Where a network's parameters get their values from while it is built.
package enum ParameterSource {
    /// New random values. Each parameter draws from a stream of its own name, so that its values do not depend on
    /// which other parameters there are.
    case random(RandomSource)
    /// A state dict.
    case stored(StoredParameters)
}

/// A state dict as some file or memory gives it.
package struct StoredParameters {
    /// Every name that it holds.
    package let names: [String]
    /// The shape of one of its tensors.
    package let shape: (String) -> [Int]?
    /// One of its tensors, which has the given shape.
    package let read: (String, [Int]) throws -> Tensor

    package init(names: [String], shape: @escaping (String) -> [Int]?, read: @escaping (String, [Int]) throws -> Tensor)
    {
        self.names = names
        self.shape = shape
        self.read = read
    }

    /// Refuses a state dict that holds other tensors than these.
    ///
    /// - Throws: `StateDictError` that names everything that is wrong.
    package func require(_ tensors: [(name: String, shape: [Int])]) throws {
        let known = Set(tensors.map(\.name))
        let missing = tensors.map(\.name).filter { shape($0) == nil }
        let misshapen = tensors.compactMap { name, wanted in
            shape(name).flatMap { $0 == wanted ? nil : "\(name) has the shape \($0), not \(wanted)" }
        }
        let unexpected = names.filter { !known.contains($0) }.sorted()
        guard missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty else {
            throw StateDictError(missing: missing, unexpected: unexpected, misshapen: misshapen)
        }
    }

    /// The same and some more tensors, which it does not hold.
    package func adding(_ tensors: [String: Tensor]) -> StoredParameters {
        let more = StoredParameters(tensors)
        return StoredParameters(
            names: names + more.names, shape: { shape($0) ?? more.shape($0) },
            read: { try shape($0) == nil ? more.read($0, $1) : read($0, $1) })
    }

    /// A state dict that is in memory.
    package init(_ tensors: [String: Tensor]) {
        self.init(
            names: tensors.keys.sorted(), shape: { tensors[$0]?.shape },
            read: { name, _ in tensors[name] ?? Tensor(zeros: []) })
    }
}

/// A state dict does not fit the network: what is missing, what is too much, and what has another shape, in one line.
package struct StateDictError: Error, CustomStringConvertible, Equatable {
    package let missing: [String]
    package let unexpected: [String]
    package let misshapen: [String]

    package var description: String {
        var parts: [String] = []
        if !missing.isEmpty { parts.append("missing: " + missing.joined(separator: ", ")) }
        if !unexpected.isEmpty { parts.append("unexpected: " + unexpected.joined(separator: ", ")) }
        if !misshapen.isEmpty { parts.append(misshapen.joined(separator: ", ")) }
        return "the weights do not fit the configuration; " + parts.joined(separator: "; ")
    }
}
