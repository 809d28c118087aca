import FalconJSON

/// Layers that look back less far than the model's positions go.
///
/// A window that spans all positions changes nothing: the plan, and so the model's identity, is then as without one.
extension ModelConfiguration {
    /// Reads the windows of a config.json into the plan.
    mutating func setWindows(_ fields: ConfigurationFields, _ windows: ModelFamily.Windows) throws {
        switch windows {
        case .planned: return
        case .switched:
            // The first max_window_layers layers attend fully.
            let first = fields["layer_types"] == nil ? try fields.size("max_window_layers", default: 28) : 0
            try setWindows(fields) { $0 >= first }
        case .everywhere:
            let types = try layersWithWindow(fields)
            guard fields["sliding_window"] != nil else { return }
            let window = try fields.size("sliding_window")
            guard types?.contains(false) != true || window >= positionLimit else {
                throw fields.problem(
                    "layer_types", "names full_attention beside sliding_window \(window), which this family has not")
            }
            setWindow(window) { _ in true }
        case .refused:
            _ = try layersWithWindow(fields)
            guard fields["sliding_window"] != nil, try fields.size("sliding_window") < maxPositions else { return }
            throw fields.problem(
                "sliding_window", "is not supported in this family; its layers attend to all positions")
        }
    }

    /// Reads the window of layers that have one where `use_sliding_window` is true.
    ///
    /// - Parameter usually: whether a layer has one where `layer_types`, which transformers 5 writes, is absent.
    mutating func setWindows(_ fields: ConfigurationFields, where usually: (Int) -> Bool) throws {
        let types = try layersWithWindow(fields)
        let isOn = try fields.boolean("use_sliding_window", default: false)
        let window = fields["sliding_window"] == nil ? nil : try fields.size("sliding_window")
        if types?.contains(true) == true {
            guard isOn else {
                throw fields.problem("layer_types", "names sliding_attention, but use_sliding_window is false")
            }
            guard window != nil else {
                throw fields.problem("sliding_window", "is missing, though layer_types names sliding_attention")
            }
        }
        guard isOn, let window else { return }
        setWindow(window) { types?[$0] ?? usually($0) }
    }

    /// Gives layers of the plan a window, where that is below the positions that a text may have.
    mutating func setWindow(_ window: Int, where hasOne: (Int) -> Bool) {
        guard window < positionLimit, (0..<layerCount).contains(where: hasOne) else { return }
        if plan.layers.isEmpty { plan.layers = (0..<layerCount).map { _ in DecoderPlan.Layer() } }
        for number in 0..<layerCount where hasOne(number) { plan.layers[number].window = window }
    }

    /// Which layers `layer_types` says see a window; `nil` where it is absent.
    func layersWithWindow(_ fields: ConfigurationFields) throws -> [Bool]? {
        guard let value = fields["layer_types"] else { return nil }
        let types = value.array ?? []
        for type in types where type != .string("full_attention") && type != .string("sliding_attention") {
            throw fields.problem(
                "layer_types", "\(type.text()) is not supported; full_attention and sliding_attention are")
        }
        // Configurations of draft heads have their target's list.
        guard types.contains(.string("sliding_attention")) else { return types.map { _ in false } }
        guard types.count == layerCount else {
            throw fields.problem("layer_types", "has not one entry for each of \(layerCount) layers")
        }
        return types.map { $0 == .string("sliding_attention") }
    }
}
