import FalconTensor
import Testing

@Suite struct ElementTypeTests {
    @Test("every float16 widens to Swift's value and narrows back")
    func everyHalf() {
        let bytes = (0...UInt16.max).flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        let wide = Tensor(bytes: bytes, as: .float16, [65536])
        let back = wide.bytes(as: .float16)
        for (bits, value) in wide.scalars.enumerated() {
            let exact = Float(Float16(bitPattern: UInt16(bits)))
            if exact.isNaN {
                #expect(value.isNaN)
            } else {
                #expect(value.bitPattern == exact.bitPattern)
                #expect(UInt16(back[2 * bits]) | UInt16(back[2 * bits + 1]) << 8 == UInt16(bits))
            }
        }
    }

    @Test("narrowing rounds to nearest even, as Swift does")
    func narrowing() {
        var source = RandomSource(seed: 3)
        var values: [Float] = [0, -0.0, 65504, 65519.996, 65520, -1e9, 6e-8, 2.9e-8, 2.98e-8, 1e-20, .infinity]
        for _ in 0..<20000 { values.append(Float(bitPattern: UInt32(truncatingIfNeeded: source.next()))) }
        let half = Tensor(values, [values.count]).bytes(as: .float16)
        let brain = Tensor(values, [values.count]).bytes(as: .bfloat16)
        for (index, value) in values.enumerated() {
            let bits = UInt16(half[2 * index]) | UInt16(half[2 * index + 1]) << 8
            let upper = UInt32(UInt16(brain[2 * index]) | UInt16(brain[2 * index + 1]) << 8) << 16
            if value.isNaN {
                #expect(Float16(bitPattern: bits).isNaN && Float(bitPattern: upper).isNaN)
                continue
            }
            #expect(bits == Float16(value).bitPattern, "\(value)")
            // The nearest of the two neighbours with 8 fraction bits.
            let down = Float(bitPattern: value.bitPattern & 0xffff_0000)
            let up = Float(bitPattern: (value.bitPattern & 0xffff_0000) &+ 0x1_0000)
            let rounded = Float(bitPattern: upper)
            #expect(rounded == down || rounded == up || rounded == value)
            if up.isFinite { #expect(abs(Double(rounded) - Double(value)) <= abs(Double(up) - Double(down)) / 2) }
        }
    }
}
