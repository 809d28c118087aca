import FalconTensor

/// The parameters of a whole network, in the order in which it was built.
package struct ParameterCollection {
    package let all: [Parameter]
    /// Those that an optimiser changes, in the same order.
    package let trainable: [Parameter]
    private let byName: [String: Parameter]

    /// - Precondition: no two parameters have the same name.
    package init(_ parameters: [Parameter]) {
        all = parameters
        trainable = parameters.filter(\.isTrainable)
        byName = Dictionary(parameters.map { ($0.name, $0) }) { first, _ in
            preconditionFailure("two parameters are called \(first.name)")
        }
    }

    package subscript(_ name: String) -> Parameter? { byName[name] }

    /// The place of each object among the trainable ones.
    package var trainableIndices: [ObjectIdentifier: Int] {
        Dictionary(uniqueKeysWithValues: trainable.enumerated().map { (ObjectIdentifier($1), $0) })
    }

    /// The number of values in all trainable parameters.
    package var trainableCount: Int { trainable.reduce(0) { $0 + $1.value.count } }

    /// The state dict: every parameter, frozen ones too, under its name.
    package var tensors: [(name: String, tensor: Tensor)] { all.map { ($0.name, $0.value) } }
}
