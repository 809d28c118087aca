import Foundation

/// Reproducible random numbers: a counter-based generator, so that its whole state is three numbers.
///
/// Value n of a stream is a fixed function of (seed, stream, n): SplitMix64's finaliser over a Weyl sequence
/// (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). Two streams of one seed are
/// independent, and a stream that was saved goes on where it stood.
package struct RandomSource: RandomNumberGenerator, Sendable, Codable, Hashable {
    package let seed: UInt64
    package let stream: UInt64
    /// How many 64-bit values were drawn.
    package private(set) var drawn: UInt64 = 0

    package init(seed: UInt64, stream: UInt64 = 0) {
        self.seed = seed
        self.stream = stream
    }

    /// The stream of the same seed with a name of its own, e.g. one for dropout and one for noise.
    package func stream(_ name: String) -> RandomSource {
        // FNV-1a: stable across runs, unlike Swift's own hash.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return RandomSource(seed: seed, stream: RandomSource.mix(stream ^ hash))
    }

    package mutating func next() -> UInt64 {
        drawn &+= 1
        let key = RandomSource.mix(seed &+ RandomSource.mix(stream &+ 0x9e37_79b9_7f4a_7c15))
        return RandomSource.mix(key &+ drawn &* 0x9e37_79b9_7f4a_7c15)
    }

    /// A number in `[0, 1)` with 24 random bits.
    package mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// A number in `[0, 1)` with 53 random bits.
    package mutating func uniformDouble() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A whole number in `0..<bound`, each equally likely. `bound` must be above 0.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "no number is below \(bound)")
        return Int(next(upperBound: UInt64(bound)))
    }

    /// A number from the normal distribution with mean 0 and standard deviation 1 (Box-Muller).
    package mutating func normal() -> Float {
        let radius = (-2 * log(1 - uniformDouble())).squareRoot()
        return Float(radius * cos(2 * Double.pi * uniformDouble()))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Tensor {
    /// Values drawn evenly from `range`.
    package init(uniform range: ClosedRange<Float>, _ shape: [Int], from source: inout RandomSource) {
        let width = range.upperBound - range.lowerBound
        self.init((0..<Tensor.count(of: shape)).map { _ in range.lowerBound + width * source.uniform() }, shape)
    }

    /// Values drawn from the normal distribution with mean 0.
    package init(normal deviation: Float, _ shape: [Int], from source: inout RandomSource) {
        self.init((0..<Tensor.count(of: shape)).map { _ in deviation * source.normal() }, shape)
    }
}
