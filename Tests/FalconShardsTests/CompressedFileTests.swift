import FalconShards
import FalconTestSupport
import Testing

@Suite struct CompressedFileTests {
    /// A frame of blocks that each repeat one byte 131,072 times.
    private func frame(blocks: Int) -> [UInt8] {
        let header: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x60]
        let block: [UInt8] = [0x02, 0x00, 0x10, UInt8(ascii: " ")]
        return header + (1..<blocks).flatMap { _ in block } + [0x03, 0x00, 0x10, UInt8(ascii: " ")]
    }

    @Test func `content that fills zstd's buffer exactly is whole`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(frame(blocks: 3) + frame(blocks: 1), to: "exact.jsonl.zst")
        #expect(try CompressedFile.bytes(of: path) == [UInt8](repeating: UInt8(ascii: " "), count: 4 << 17))
    }

    @Test func `a file that shrank beyond belief is unpacked up to a limit only`() throws {
        let folder = try TemporaryFolder()
        let small = try folder.write(frame(blocks: 100), to: "small.jsonl.zst")
        #expect(try CompressedFile.bytes(of: small).count == 100 << 17)
        let bomb = try folder.write(frame(blocks: 30_000), to: "bomb.jsonl.zst")
        let words = refusal { _ = try CompressedFile.bytes(of: bomb) }
        #expect(words?.contains("unpacks to more than 1000 times its size") == true)
    }
    /// Found by fuzzing: a frame of 156 bytes had zstd allocate the 104 MiB that it claims to look back in.
    @Test func `a frame that claims to look back farther than its content is refused`() throws {
        let folder = try TemporaryFolder()
        let block: [UInt8] = [0x0B, 0, 0, UInt8(ascii: " ")]
        let modest = try folder.write([0x28, 0xB5, 0x2F, 0xFD, 0, 0x70] + block, to: "modest.jsonl.zst")
        #expect(try CompressedFile.bytes(of: modest) == [UInt8(ascii: " ")])
        let claim = try folder.write([0x28, 0xB5, 0x2F, 0xFD, 0, 0x85] + block, to: "claim.jsonl.zst")
        let words = refusal { _ = try CompressedFile.bytes(of: claim) }
        #expect(words?.contains("too much memory") == true, "\(words ?? "read")")
    }
}
