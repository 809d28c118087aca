/// The SHA-256 digest of a stream of bytes (FIPS 180-4), fed in pieces of any size.
///
/// Fingerprints of tokenizers, models and shards are such digests in lower-case hexadecimal.
package struct SHA256Digest: Sendable {
    /// H(0..7), section 5.3.3.
    private var state = SIMD8<UInt32>(
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19)
    /// The bytes of a block that is not full yet, fewer than 64.
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    package init() {
        pending.reserveCapacity(64)
    }

    /// The digest of `bytes` in one call, 64 lower-case hexadecimal digits.
    package static func hexadecimal(of bytes: [UInt8]) -> String {
        var digest = SHA256Digest()
        digest.update(bytes)
        return digest.hexadecimal()
    }

    /// Adds bytes at the end of the stream.
    package mutating func update(_ bytes: [UInt8]) {
        update(bytes.span)
    }

    /// Adds bytes at the end of the stream without a copy.
    package mutating func update(_ bytes: borrowing Span<UInt8>) {
        length &+= UInt64(bytes.count)
        var next = 0
        if !pending.isEmpty {
            while next < bytes.count && pending.count < 64 {
                pending.append(bytes[next])
                next += 1
            }
            guard pending.count == 64 else { return }
            let block = pending
            compress(block.span, 0..<64)
            pending.removeAll(keepingCapacity: true)
        }
        let end = next + (bytes.count - next) / 64 * 64
        compress(bytes, next..<end)
        next = end
        while next < bytes.count {
            pending.append(bytes[next])
            next += 1
        }
    }

    /// The digest of all bytes so far, 64 lower-case hexadecimal digits. The stream may go on afterwards.
    package func hexadecimal() -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in finalized() {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The digest of all bytes so far, 32 bytes. The stream may go on afterwards.
    package func finalized() -> [UInt8] {
        var last = self
        let bits = length &* 8
        // Section 5.1.1: a one bit, zeros, and the length in bits as 64-bit big-endian, up to a whole block.
        var padding: [UInt8] = [0x80]
        padding.append(contentsOf: repeatElement(0, count: (119 - Int(length % 64)) % 64))
        for shift in stride(from: 56, through: 0, by: -8) {
            padding.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
        last.update(padding)
        var result: [UInt8] = []
        for word in 0..<8 {
            for shift in stride(from: 24, through: 0, by: -8) {
                result.append(UInt8(truncatingIfNeeded: last.state[word] >> UInt32(shift)))
            }
        }
        return result
    }

    /// Section 6.2.2 for whole blocks of 64 bytes. Eight rounds are written out, so that the working variables change
    /// names in place of moving.
    private mutating func compress(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) {
        var schedule = [UInt32](repeating: 0, count: 64)
        var words = schedule.mutableSpan
        let constants = roundConstants.span
        var state = self.state
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 64) {
            for index in 0..<16 {
                let offset = start &+ index &* 4
                words[index] =
                    UInt32(bytes[offset]) << 24 | UInt32(bytes[offset &+ 1]) << 16
                    | UInt32(bytes[offset &+ 2]) << 8 | UInt32(bytes[offset &+ 3])
            }
            for index in 16..<64 {
                let early = words[index &- 15]
                let late = words[index &- 2]
                let first = rotate(early, 7) ^ rotate(early, 18) ^ (early >> 3)
                let second = rotate(late, 17) ^ rotate(late, 19) ^ (late >> 10)
                words[index] = words[index &- 16] &+ first &+ words[index &- 7] &+ second
            }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            var (e, f, g, h) = (state[4], state[5], state[6], state[7])
            for index in stride(from: 0, to: 64, by: 8) {
                round(a, b, c, &d, e, f, g, &h, constants[index] &+ words[index])
                round(h, a, b, &c, d, e, f, &g, constants[index &+ 1] &+ words[index &+ 1])
                round(g, h, a, &b, c, d, e, &f, constants[index &+ 2] &+ words[index &+ 2])
                round(f, g, h, &a, b, c, d, &e, constants[index &+ 3] &+ words[index &+ 3])
                round(e, f, g, &h, a, b, c, &d, constants[index &+ 4] &+ words[index &+ 4])
                round(d, e, f, &g, h, a, b, &c, constants[index &+ 5] &+ words[index &+ 5])
                round(c, d, e, &f, g, h, a, &b, constants[index &+ 6] &+ words[index &+ 6])
                round(b, c, d, &e, f, g, h, &a, constants[index &+ 7] &+ words[index &+ 7])
            }
            state = state &+ SIMD8(a, b, c, d, e, f, g, h)
        }
        self.state = state
    }
}

@inline(__always)
private func round(
    _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32,
    _ h: inout UInt32, _ input: UInt32
) {
    let choice = (e & f) ^ (~e & g)
    let majority = (a & b) ^ (a & c) ^ (b & c)
    let first = h &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ choice &+ input
    d = d &+ first
    h = first &+ (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ majority
}

@inline(__always)
private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    (word >> count) | (word << (32 &- count))
}

/// K(0..63), section 4.2.2: the fractional parts of the cube roots of the first 64 primes.
private let roundConstants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
]
