import FalconTensor

/// Makes the parameters of one network, layer by layer, and checks at the end that a state dict was used up.
///
/// A layer asks its `ParameterScope` for what it needs; the names that come about are those of the state dict.
package final class ParameterBuilder {
    private let source: ParameterSource
    private var parameters: [Parameter] = []
    private var missing: [String] = []
    private var misshapen: [String] = []
    private var readFailure: (any Error)?

    package init(_ source: ParameterSource) { self.source = source }

    /// The scope without a prefix.
    package var root: ParameterScope { ParameterScope(builder: self, prefix: "") }

    fileprivate func make(_ name: String, _ shape: [Int], _ initializer: Initializer, isTrainable: Bool) -> Parameter {
        let value: Tensor
        switch source {
        case .random(let random):
            var stream = random.stream(name)
            value = initializer(shape, from: &stream)
        case .stored(let stored):
            value = tensor(name, shape, from: stored)
        }
        let parameter = Parameter(name, value, isTrainable: isTrainable)
        parameters.append(parameter)
        return parameter
    }

    /// A stored tensor, or an empty one in its place with a note of what is wrong, so that one error names everything.
    private func tensor(_ name: String, _ shape: [Int], from stored: StoredParameters) -> Tensor {
        guard let found = stored.shape(name) else {
            missing.append(name)
            return ParameterBuilder.placeholder(shape)
        }
        guard found == shape else {
            misshapen.append("\(name) has the shape \(found), not \(shape)")
            return ParameterBuilder.placeholder(shape)
        }
        do {
            return try stored.read(name, shape)
        } catch {
            readFailure = readFailure ?? error
            return ParameterBuilder.placeholder(shape)
        }
    }

    /// Of the right number of axes. A configuration may claim any size: nothing is allocated for what is not stored.
    private static func placeholder(_ shape: [Int]) -> Tensor { Tensor(zeros: shape.map { _ in 0 }) }

    /// All parameters made so far.
    ///
    /// - Parameter ignoring: names that a state dict may hold although the network has no such parameter.
    /// - Throws: `StateDictError` that names every tensor that is missing, unexpected or of another shape, or the
    ///   reader's own error.
    package func finish(ignoring: (String) -> Bool = { _ in false }) throws -> ParameterCollection {
        if case .stored(let stored) = source {
            let known = Set(parameters.map(\.name))
            let unexpected = stored.names.filter { !known.contains($0) && !ignoring($0) }.sorted()
            guard missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty else {
                throw StateDictError(missing: missing, unexpected: unexpected, misshapen: misshapen)
            }
        }
        if let readFailure { throw readFailure }
        return ParameterCollection(parameters)
    }
}

/// A place in a network's tree of names.
package struct ParameterScope {
    fileprivate let builder: ParameterBuilder
    fileprivate let prefix: String

    /// The scope `prefix.name`.
    package func scope(_ name: String) -> ParameterScope {
        ParameterScope(builder: builder, prefix: prefix + name + ".")
    }

    /// The parameter `prefix.name`.
    ///
    /// - Parameters:
    ///   - shape: what it must have in a state dict.
    ///   - initializer: what it holds where there is none.
    package func parameter(
        _ name: String, _ shape: [Int], _ initializer: Initializer, isTrainable: Bool = true
    ) -> Parameter {
        builder.make(prefix + name, shape, initializer, isTrainable: isTrainable)
    }
}
