import FalconTensor

/// Changes inputs as damage and malice would: bits and cuts, but also lengths, extreme numbers, splices of two files
/// and nesting. A function of the random source alone.
package struct InputMutator: Sendable {
    /// No input grows beyond this many bytes.
    package static let longest = 1 << 17

    let seeds: [[UInt8]]

    package init(seeds: [[UInt8]]) {
        precondition(!seeds.isEmpty, "nothing to mutate")
        self.seeds = seeds
    }

    /// One of the seeds after one to eight changes.
    package func input(_ random: inout RandomSource) -> [UInt8] {
        changed(seeds[random.below(seeds.count)], &random)
    }

    /// The input after one to eight changes.
    package func changed(_ input: [UInt8], _ random: inout RandomSource) -> [UInt8] {
        var bytes = input
        for _ in 0..<(1 << random.below(4)) { change(&bytes, &random) }
        if bytes.count > InputMutator.longest { bytes.removeLast(bytes.count - InputMutator.longest) }
        return bytes
    }

    private func change(_ bytes: inout [UInt8], _ random: inout RandomSource) {
        guard !bytes.isEmpty else {
            bytes = seeds[random.below(seeds.count)]
            return
        }
        let place = random.below(bytes.count)
        let length = min(1 << random.below(8), bytes.count - place)
        switch random.below(13) {
        case 0: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 2: bytes.removeLast(bytes.count - place)
        case 3: bytes.removeSubrange(place..<place + length)
        case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: random.below(bytes.count + 1))
        case 5: bytes.insert(contentsOf: (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: place)
        case 6, 7: writeExtreme(&bytes, at: place, &random)
        case 8, 9: replaceNumber(&bytes, from: place, &random)
        case 10: splice(&bytes, at: place, &random)
        case 11: nest(&bytes, at: place, &random)
        default: mendLength(&bytes)
        }
    }

    /// A little-endian field of 1 to 8 bytes becomes an end of its range, the file's length, or a neighbour of them.
    private func writeExtreme(_ bytes: inout [UInt8], at place: Int, _ random: inout RandomSource) {
        let width = 1 << random.below(4)
        let ends: [UInt64] = [
            0, 1, .max, .max >> 1, 1 << 63, 1 << 31, (1 << 31) - 1, 1 << 32, UInt64(bytes.count), UInt64(place),
            1 << 62,
        ]
        let value = ends[random.below(ends.count)] &+ UInt64(random.below(3)) &- 1
        // Fields of a format lie at multiples of their width more often than not.
        let start = random.below(2) == 0 ? place / width * width : place
        for index in 0..<min(width, bytes.count - start) {
            bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    private static let numbers = [
        "0", "-1", "-0", "1e999", "-1e-999", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
        "18446744073709551616", "4294967296", "2147483648", "0.5", "1e18", "NaN", "Infinity", "null", "1e400", "65536",
    ]

    /// The next number written in digits becomes an extreme one.
    private func replaceNumber(_ bytes: inout [UInt8], from place: Int, _ random: inout RandomSource) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = bytes[place...].firstIndex(where: digits.contains) else {
            return writeExtreme(&bytes, at: place, &random)
        }
        let end = bytes[first...].firstIndex { !digits.contains($0) } ?? bytes.count
        let number = InputMutator.numbers[random.below(InputMutator.numbers.count)]
        bytes.replaceSubrange(first..<end, with: number.utf8)
    }

    /// The start of this input with the end of another, or with a part of it in the middle.
    private func splice(_ bytes: inout [UInt8], at place: Int, _ random: inout RandomSource) {
        let other = seeds[random.below(seeds.count)]
        guard !other.isEmpty else { return }
        let start = random.below(other.count)
        if random.below(2) == 0 {
            bytes.replaceSubrange(place..., with: other[start...])
        } else {
            bytes.insert(contentsOf: other[start..<min(other.count, start + 1 << random.below(10))], at: place)
        }
    }

    private static let brackets = ["[", "{\"a\":", "(", "[[", "\"", "{a={", "]0(", "\u{1b}["]

    /// Something opens, over and over.
    private func nest(_ bytes: inout [UInt8], at place: Int, _ random: inout RandomSource) {
        let opening = Array(InputMutator.brackets[random.below(InputMutator.brackets.count)].utf8)
        let depth = 1 << random.below(14)
        bytes.insert(contentsOf: (0..<depth).flatMap { _ in opening }, at: place)
    }

    /// A header's length in front, as safetensors has it, is made right again after other changes.
    private func mendLength(_ bytes: inout [UInt8]) {
        guard bytes.count > 8, let end = bytes.lastIndex(of: UInt8(ascii: "}")), end >= 8 else { return }
        let length = UInt64(end - 7)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: length >> UInt64(8 * index)) }
    }
}
