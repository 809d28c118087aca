import Testing

/// Values that start at any element of a 64-byte line, with marks around them that nobody may touch.
final class GuardedValues {
    private static let margin = 24
    private static let mark: Float = -7.25e11
    private let block: UnsafeMutableBufferPointer<Float>
    private let start: Int
    let count: Int

    /// - Parameter offset: elements behind the start of a line, from 0 to 15.
    init(_ values: [Float], offset: Int) {
        count = values.count
        start = 16 * 2 + offset
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: (start + count + GuardedValues.margin) * 4, alignment: 64)
        block = UnsafeMutableBufferPointer(
            start: raw.bindMemory(to: Float.self, capacity: start + count + GuardedValues.margin),
            count: start + count + GuardedValues.margin)
        block.initialize(repeating: GuardedValues.mark)
        for (index, value) in values.enumerated() { block[start + index] = value }
    }

    convenience init(count: Int, offset: Int) {
        self.init([Float](repeating: GuardedValues.mark, count: count), offset: offset)
    }

    deinit { UnsafeMutableRawPointer(block.baseAddress!).deallocate() }

    var pointer: UnsafeMutablePointer<Float> { block.baseAddress! + start }

    var values: [Float] { Array(block[start..<start + count]) }

    /// Whether nothing beside the values was written.
    var isIntact: Bool {
        block[..<start].allSatisfy { $0 == GuardedValues.mark }
            && block[(start + count)...].allSatisfy { $0 == GuardedValues.mark }
    }
}

/// Numbers of all kinds: small, large, below the smallest normal one, zeros of both signs; and, where asked for,
/// infinities and NaN.
enum OddValues {
    static let finite: [Float] = [
        0, -0.0, .leastNonzeroMagnitude, -Float(bitPattern: 2000), Float.leastNormalMagnitude.nextDown,
        -.leastNormalMagnitude, 1, -1, 0.3, -7.5, 1e4, -65504, 3e9,
    ]
    static let special: [Float] = [.infinity, -.infinity, .nan, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]

    /// `count` of them, another one first for each `phase`.
    static func list(_ count: Int, _ phase: Int, withSpecial: Bool = false) -> [Float] {
        let all = withSpecial ? finite + special : finite
        return (0..<count).map { all[($0 * 5 + phase * 3) % all.count] }
    }

    /// Ordinary numbers between -4 and 4.
    static func plain(_ count: Int, _ phase: Int) -> [Float] {
        (0..<count).map { Float(($0 * 37 + phase * 11) % 64 - 32) / 8 + 0.0625 }
    }
}

/// Whether a computed value is the exact one within the given bounds; infinities and NaN must be what they are.
func isNear(_ computed: Float, _ exact: Double, relative: Double, absolute: Double) -> Bool {
    if exact.isNaN { return computed.isNaN }
    let nearest = Float(exact)
    if nearest.isInfinite { return computed == nearest || abs(computed) > 3.4e38 }
    return abs(Double(computed) - exact) <= absolute + relative * abs(exact)
}
