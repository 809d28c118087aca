import CFalconKernels
import FalconTensor
import Testing

/// Blocks are looked at by their scales; the values that they stand for must agree.
@Suite struct BlockFinitenessTests {
    @Test("a block is finite where all its values are", arguments: BlockType.allCases)
    func agreesWithValues(type: BlockType) {
        var source = RandomSource(seed: 7)
        var (sound, broken) = (0, 0)
        for round in 0..<400 {
            var block = (0..<type.byteCount).map { _ in UInt8(source.below(256)) }
            // All that scales can be: random bytes are seldom infinite.
            if round.isMultiple(of: 2) {
                let place = source.below(type.byteCount)
                block[place] = [0x7c, 0xfc, 0x7b, 0xff][source.below(4)]
            }
            // MXFP4's scale is one byte, of which the largest ones overflow.
            if type == .mxfp4, round.isMultiple(of: 3) { block[0] = UInt8(250 + source.below(6)) }
            var values = [Float](repeating: 0, count: type.valueCount)
            falcon_dequantize(Int32(type.rawValue), block, &values, 1)
            let isFinite = values.allSatisfy(\.isFinite)
            #expect((falcon_blocks_are_finite(Int32(type.rawValue), block, 1) != 0) == isFinite, "\(type) \(block)")
            if isFinite { sound += 1 } else { broken += 1 }
        }
        #expect(sound > 0 && broken > 0, "\(sound) sound blocks, \(broken) broken ones")
    }
}
