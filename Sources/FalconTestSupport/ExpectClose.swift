import FalconTensor
import Testing

/// Expects two tensors of the same shape whose values agree: `|a - b| <= absolute + relative * |b|` everywhere.
///
/// - Parameters:
///   - actual: what was computed.
///   - expected: what is right; `relative` counts from its values.
///   - context: what is compared, for the message, which names the worst place and both values there.
package func expectClose(
    _ actual: Tensor, _ expected: Tensor, absolute: Float = 0, relative: Float = 0, _ context: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual.shape == expected.shape else {
        Issue.record("\(context): shape \(actual.shape), expected \(expected.shape)", sourceLocation: sourceLocation)
        return
    }
    expectClose(
        actual.scalars, expected.scalars, absolute: absolute, relative: relative, context, shape: actual.shape,
        sourceLocation: sourceLocation)
}

/// The same for plain lists of values.
package func expectClose(
    _ actual: [Float], _ expected: [Float], absolute: Float = 0, relative: Float = 0, _ context: String = "",
    shape: [Int]? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    let difference = difference(
        actual, expected, absolute: absolute, relative: relative, shape: shape ?? [actual.count])
    if let difference { Issue.record("\(context): \(difference)", sourceLocation: sourceLocation) }
}

/// Where two lists of values do not agree within `absolute + relative * |expected|`, in one line; `nil` where they do.
package func difference(
    _ actual: [Float], _ expected: [Float], absolute: Float = 0, relative: Float = 0, shape: [Int]
) -> String? {
    guard actual.count == expected.count else { return "\(actual.count) values, expected \(expected.count)" }
    var worst: (index: Int, excess: Float)?
    var faults = 0
    var largest: Float = 0
    for (index, (a, b)) in zip(actual, expected).enumerated() {
        if a == b || (a.isNaN && b.isNaN) { continue }
        let difference = abs(a - b)
        let excess = difference - (absolute + relative * abs(b))
        if difference > largest { largest = difference }
        // A NaN on one side compares as false, and is the worst of all.
        if excess <= 0 { continue }
        faults += 1
        let weight = excess.isNaN ? Float.infinity : excess
        if weight > worst?.excess ?? 0 { worst = (index, weight) }
    }
    guard let worst else { return nil }
    return """
        \(faults) of \(actual.count) values differ, worst at \(position(worst.index, in: shape)): \
        \(actual[worst.index]), expected \(expected[worst.index]) (largest difference \(largest), \
        allowed \(absolute) + \(relative) relative)
        """
}

private func position(_ index: Int, in shape: [Int]) -> [Int] {
    var rest = index
    var place: [Int] = []
    for size in shape.reversed() {
        place.insert(rest % max(size, 1), at: 0)
        rest /= max(size, 1)
    }
    return place
}
