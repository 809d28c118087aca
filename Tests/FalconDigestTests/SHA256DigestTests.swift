import FalconDigest
import Foundation
import Testing

@Suite struct SHA256DigestTests {
    /// Vectors of FIPS 180-4 and NIST's CAVP short messages.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                + "mnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func `the published vectors`(text: String, expected: String) {
        #expect(SHA256Digest.hexadecimal(of: Array(text.utf8)) == expected)
    }

    @Test func `a million letters a, in uneven pieces`() {
        var digest = SHA256Digest()
        var left = 1_000_000
        var piece = 1
        while left > 0 {
            let count = min(left, piece)
            digest.update([UInt8](repeating: UInt8(ascii: "a"), count: count))
            left -= count
            piece = (piece * 7 + 3) % 4001 + 1
        }
        #expect(digest.hexadecimal() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func `pieces of every size around a block give the digest of the whole`() {
        let bytes: [UInt8] = (0..<200).map { UInt8(($0 * 37 + 11) % 256) }
        for length in [55, 56, 63, 64, 65, 119, 120, 128, 200] {
            let whole = SHA256Digest.hexadecimal(of: Array(bytes[..<length]))
            for cut in 0...length {
                var digest = SHA256Digest()
                digest.update(Array(bytes[..<cut]))
                _ = digest.hexadecimal()  // Looking does not end the stream.
                digest.update(Array(bytes[cut..<length]))
                #expect(digest.hexadecimal() == whole, "length \(length), cut at \(cut)")
            }
        }
    }

    @Test func `a file's digest is that of its bytes`() throws {
        let path = NSTemporaryDirectory() + "falcon-digest-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let bytes: [UInt8] = (0..<100_000).map { UInt8($0 % 251) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(try SHA256Digest.hexadecimal(ofFile: path) == SHA256Digest.hexadecimal(of: bytes))
        #expect(throws: (any Error).self) { try SHA256Digest.hexadecimal(ofFile: path + "-missing") }
    }
}
