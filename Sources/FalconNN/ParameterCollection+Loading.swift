import FalconTensor

extension ParameterCollection {
    /// Gives every parameter the value of a state dict with exactly these names and shapes; all or none change.
    ///
    /// - Parameter ignoring: names that it may hold besides.
    /// - Throws: `StateDictError` that names every tensor that is missing, unexpected or of another shape, or the
    ///   reader's own error.
    package func load(_ stored: StoredParameters, ignoring: (String) -> Bool = { _ in false }) throws {
        let builder = ParameterBuilder(.stored(stored))
        for parameter in all { _ = builder.root.parameter(parameter.name, parameter.shape, .zeros) }
        let loaded = try builder.finish(ignoring: ignoring)
        for (parameter, new) in zip(all, loaded.all) { parameter.value = new.value }
    }
}
