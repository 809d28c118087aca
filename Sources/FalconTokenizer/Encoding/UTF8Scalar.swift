/// Reading Unicode scalars from bytes known to be well-formed UTF-8, as those of a Swift string are.
enum UTF8Scalar {
    /// The number of bytes of the scalar that starts with `lead`.
    @inline(__always)
    static func length(lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    }

    /// The scalar that starts at `index`, and its number of bytes.
    @inline(__always)
    static func decode(_ bytes: [UInt8], at index: Int) -> (value: UInt32, length: Int) {
        let lead = bytes[index]
        if lead < 0x80 { return (UInt32(lead), 1) }
        let second = UInt32(bytes[index &+ 1] & 0x3f)
        if lead < 0xe0 { return (UInt32(lead & 0x1f) << 6 | second, 2) }
        let third = UInt32(bytes[index &+ 2] & 0x3f)
        if lead < 0xf0 { return (UInt32(lead & 0x0f) << 12 | second << 6 | third, 3) }
        return (UInt32(lead & 0x07) << 18 | second << 12 | third << 6 | UInt32(bytes[index &+ 3] & 0x3f), 4)
    }

    /// The start of the scalar that ends before `end`.
    static func start(_ bytes: [UInt8], before end: Int) -> Int {
        var index = end - 1
        while index > 0 && bytes[index] & 0xc0 == 0x80 { index -= 1 }
        return index
    }
}
