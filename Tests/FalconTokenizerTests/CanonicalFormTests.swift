import FalconTensor
import Testing

@testable import FalconTokenizer

@Suite struct CanonicalFormTests {
    private func normalized(_ text: String, _ form: CanonicalForm) -> [UInt8] {
        let bytes = Array(text.utf8)
        var piece = AlignedText(bytes, 0..<bytes.count, tracksOrigins: false)
        Normalizer.canonical(form).apply(to: &piece)
        return Array(piece.bytes[piece.range])
    }

    private func text(_ scalars: [UInt32]) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars.compactMap { Unicode.Scalar($0) })
        return String(text)
    }

    /// FNV-1a of the normal forms of many texts, each ended by a line break.
    private func digest(_ form: CanonicalForm, _ texts: some Sequence<[UInt32]>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for scalars in texts {
            for byte in normalized(text(scalars), form) + [0x0a] {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        return hash
    }

    @Test(arguments: [
        ([0xac00, 0x11a8], [0xac01]), ([0x1100, 0x1161, 0x11a8], [0xac01]), ([0x1100, 0x1161], [0xac00]),
        // Old Korean, a filler in the place of a final consonant, a second final consonant.
        ([0x1113, 0x1161], [0x1113, 0x1161]), ([0xac00, 0x11a7], [0xac00, 0x11a7]),
        ([0xac01, 0x11a8], [0xac01, 0x11a8]), ([0x1100, 0x1176], [0x1100, 0x1176]),
        ([0x1161, 0x11a8], [0x1161, 0x11a8]), ([0x1100, 0x1100, 0x1161], [0x1100, 0xac00]),
        ([0xcca, 0xcd5], [0xccb]), ([0xcc6, 0xcc2, 0xcd5], [0xccb]), ([0x319, 0xf73], [0xf71, 0xf72, 0x319]),
        ([0x65, 0x301], [0xe9]), ([0x212b], [0xc5]), ([0x915, 0x93c], [0x915, 0x93c]), ([0x958], [0x915, 0x93c]),
        // A mark of the same class lies between, and one of another class.
        ([0x61, 0x302, 0x301], [0x1ea5]), ([0x61, 0x305, 0x301], [0x61, 0x305, 0x301]),
        ([0x61, 0x323, 0x301], [0x1ea1, 0x301]), ([0x61, 0x301, 0x323], [0x1ea1, 0x301]),
        ([0x301, 0x61], [0x301, 0x61]), ([0x1d15e], [0x1d157, 0x1d165]), ([0x2f800], [0x4e3d]),
    ])
    func `characters are composed by the standard`(given: [UInt32], expected: [UInt32]) {
        #expect(normalized(text(given), .composed) == Array(text(expected).utf8))
        #expect(normalized(text(expected), .composed) == Array(text(expected).utf8))
    }

    @Test func `every Korean syllable comes of its letters, and its letters of it`() {
        for syllable in UInt32(0xac00)...0xd7a3 {
            let index = syllable - 0xac00
            let letters =
                [0x1100 + index / 588, 0x1161 + index / 28 % 21] + (index % 28 == 0 ? [] : [0x11a7 + index % 28])
            #expect(normalized(text([syllable]), .decomposed) == Array(text(letters).utf8))
            #expect(normalized(text(letters), .composed) == Array(text([syllable]).utf8))
            guard index % 28 != 0 else { continue }
            let open = syllable - index % 28
            #expect(normalized(text([open, 0x11a7 + index % 28]), .composed) == Array(text([syllable]).utf8))
        }
    }

    /// The digests are of what Hugging Face tokenizers 0.23.3 makes of the same texts.
    @Test func `all of Unicode has the forms that Hugging Face gives it`() {
        let scalars = (UInt32(0)..<0x11_0000).filter { !(0xd800..<0xe000).contains($0) && $0 != 0x0a }
        let singles = stride(from: 0, to: scalars.count, by: 64).map { start in
            Array(scalars[start..<min(start + 64, scalars.count)].map { [$0, 0x61] }.joined())
        }
        #expect(digest(.composed, singles) == 0x5151_164f_4a47_14c0)
        #expect(digest(.decomposed, singles) == 0x6284_1592_b423_4124)
        // Before marks of several classes, some of which compose.
        let marked = scalars.prefix(0x1_2000).map { [$0, 0x301, 0x327, 0x5b0, 0x11a8, 0x334, 0x308] }
        #expect(digest(.composed, marked) == 0x8add_5513_234f_449a)
        #expect(digest(.decomposed, marked) == 0x114d_b98f_c8f4_2ed0)
        // After a letter and a mark, so that marks are sorted and letters of two parts composed.
        let after = scalars.prefix(0x1_2000).map { [0x1100, $0, 0x61, 0x316, $0, 0x301, $0] }
        #expect(digest(.composed, after) == 0x28e4_fb56_26c4_61dd)
        #expect(digest(.decomposed, after) == 0xd79f_41a6_c8e5_82c6)
    }

    @Test func `composing twice, or what was decomposed, changes nothing more`() {
        let pool: [ClosedRange<UInt32>] = [
            0x41...0x5a, 0x300...0x345, 0x900...0x9ff, 0x1100...0x11ff, 0x1e00...0x1fff, 0xac00...0xac40, 0x5b0...0x5bd,
            0xfb1d...0xfb4e, 0x1d157...0x1d172,
        ]
        var random = RandomSource(seed: 5)
        for _ in 0..<2000 {
            let scalars = (0..<Int.random(in: 1...9, using: &random)).map { _ in
                UInt32.random(in: pool[Int.random(in: 0..<pool.count, using: &random)], using: &random)
            }
            let composed = normalized(text(scalars), .composed)
            #expect(normalized(String(decoding: composed, as: UTF8.self), .composed) == composed)
            let decomposed = normalized(text(scalars), .decomposed)
            #expect(normalized(String(decoding: decomposed, as: UTF8.self), .composed) == composed)
            #expect(normalized(String(decoding: composed, as: UTF8.self), .decomposed) == decomposed)
        }
    }

    @Test func `a long run of marks is sorted in a moment`() {
        let marks = (0..<200_000).map { UInt32($0 % 2 == 0 ? 0x301 : 0x323) }
        let sorted = normalized(text([0x61] + marks), .composed)
        #expect(sorted.count == 3 + 99_999 * 2 + 100_000 * 2)
    }
}
