import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

/// Dequantised weights, to the bit.
@Suite struct BlockTypeTests {
    /// 1 as a half.
    private static let one: [UInt8] = [0x00, 0x3c]
    /// 0.5 as a half.
    private static let half: [UInt8] = [0x00, 0x38]

    private func values(_ type: BlockType, _ bytes: [UInt8], rows: Int = 1) throws -> [Float] {
        let folder = try TemporaryFolder()
        var file = GGUFBuilder()
        file.add("w", [rows, bytes.count / rows / type.byteCount * type.valueCount], type: type.rawValue, bytes)
        let opened = try GGUFFile(path: folder.write(file.bytes, to: "w.gguf"))
        return try opened.tensors[0].tensor().scalars
    }

    @Test func `blocks of 32 are read by hand`() throws {
        let nibbles = [UInt8](repeating: 0x2f, count: 16)
        let halves = { (low: Float, high: Float) in
            [Float](repeating: low, count: 16) + [Float](repeating: high, count: 16)
        }
        #expect(try values(.q4_0, Self.half + nibbles) == halves(3.5, -3))
        #expect(try values(.q4_1, Self.half + Self.one + nibbles) == halves(8.5, 2))
        #expect(try values(.q5_0, Self.half + [0xff, 0xff, 0, 0] + nibbles) == halves(7.5, -7))
        #expect(try values(.q5_1, Self.half + Self.one + [0, 0, 0xff, 0xff] + nibbles) == halves(8.5, 10))
        #expect(try values(.q8_0, Self.half + [UInt8](repeating: 0x80, count: 32)) == halves(-64, -64))
        #expect(try values(.iq4_nl, Self.half + nibbles) == halves(56.5, -41.5))
        #expect(try values(.mxfp4, [127] + nibbles) == halves(-6, 1))
        #expect(try values(.mxfp4, [0] + nibbles) == halves(-12 * 0x1p-128, 2 * 0x1p-128))
    }

    @Test func `blocks of several rows keep their order`() throws {
        let blocks = (0..<4).flatMap { Self.one + [UInt8](repeating: UInt8($0) * 17, count: 16) }
        let found = try values(.q4_0, blocks, rows: 2)
        #expect(found == (0..<4).flatMap { [Float](repeating: Float($0) - 8, count: 32) })
    }

    @Test func `every golden block is read to the bit`() throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let folder = shared + "/fixtures/gguf/blocks"
        var compared = 0
        for name in try Fixtures.contents(of: folder) where name != "optional" {
            let weights = try WeightFolder(path: "\(folder)/\(name)/blocks.gguf", keepsNames: true)
            for (tensor, expected) in try Fixtures.tensors("\(folder)/\(name)/expected.safetensors") {
                let found = try weights.tensor(tensor)
                #expect(found.shape == expected.shape, "\(name) \(tensor)")
                let differing = zip(found.scalars, expected.scalars).filter { $0.bitPattern != $1.bitPattern }
                // 0 and -0 are one value.
                #expect(differing.allSatisfy { $0 == 0 && $1 == 0 }, "\(name) \(tensor): \(differing.prefix(3))")
                compared += 1
            }
        }
        #expect(compared >= 54)
    }
}
