import FalconTensor

/// Whether the tensors of a folder are those that a configuration asks for. Their values are not looked at.
package struct WeightCheck: Sendable {
    /// What is wrong, a line each; empty where the weights fit. What explains the others stands first.
    package private(set) var problems: [String] = []

    /// - Parameters:
    ///   - expected: names and shapes, none twice.
    ///   - owner: "model" or "draft head", for messages.
    ///   - layers: what stands before a layer's number in names, and how many layers the configuration has.
    ///   - ignoring: names that may be stored besides; harmless ones always may.
    package init(
        _ expected: [ModelTensors.Entry], in weights: WeightFolder, owner: String,
        layers: (prefix: String, count: Int), ignoring: (String) -> Bool = { _ in false }
    ) {
        let known = Set(expected.map(\.name))
        let foreign = weights.names.filter { name in
            !known.contains(name) && !HarmlessTensors.contains(name) && !ignoring(name)
        }
        let storedLayers = Set(weights.names.compactMap { ForeignTensor.layer(of: $0, behind: layers.prefix) })
        // Layers that are not there at all are one problem, not ten a layer.
        let gone = (0..<layers.count).first { !storedLayers.contains($0) }

        problems += ForeignTensor.explained(foreign).map { "tensor '\($0.name)' \($0.meaning)" }
        for (name, shape) in expected {
            guard let stored = weights.stored(name) else {
                guard let layer = ForeignTensor.layer(of: name, behind: layers.prefix), !storedLayers.contains(layer)
                else {
                    problems.append("tensor '\(name)' of shape \(shape) is missing")
                    continue
                }
                if layer == gone, !problems.contains(where: { $0.hasPrefix("layer \(layer) ") }) {
                    problems.append(
                        "layer \(layer) ('\(name)', ...) is missing: num_hidden_layers is \(layers.count), the weights "
                            + "have \(storedLayers.count); use the configuration that belongs to them, or download "
                            + "the rest of the weights")
                }
                continue
            }
            if stored.shape != shape {
                problems.append("tensor '\(name)' has shape \(stored.shape) where the configuration needs \(shape)")
            } else if !stored.type.isFloatingPoint {
                problems.append("tensor '\(name)' holds \(stored.type.rawValue) values where real numbers are needed")
            }
        }
        for name in foreign where ForeignTensor.meaning(name) == nil {
            let layer = ForeignTensor.layer(of: name, behind: layers.prefix)
            if let layer, layer >= layers.count {
                problems.append(
                    "tensor '\(name)' has no place in this \(owner): num_hidden_layers is \(layers.count), the weights "
                        + "hold a layer number \(layer), counted from 0; use the configuration that belongs to them")
            } else {
                problems.append("tensor '\(name)' has no place in this \(owner): \(ForeignTensor.guess(name))")
            }
        }
    }

    /// Throws the problems in one line: the first one, and how many there are besides.
    ///
    /// - Parameters:
    ///   - path: the folder or file.
    ///   - command: what lists all of them.
    package static func refuse(_ problems: [String], path: String, listedBy command: String) throws {
        guard let first = problems.first else { return }
        let rest = problems.count - 1
        throw FileError(
            path,
            rest == 0
                ? first : "\(first) (and \(rest) more problem\(rest == 1 ? "" : "s"); '\(command)' lists all)")
    }

    /// What is wrong with a tensor that holds values which are infinite or not a number.
    package static func notFinite(_ name: String) -> String {
        "tensor '\(name)' holds values that are infinite or not a number: the weights are damaged, or were saved by a "
            + "training that failed; download or make them again"
    }
}
