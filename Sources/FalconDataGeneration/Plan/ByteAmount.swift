/// A number of bytes as people write it: "20GB", "512 MiB", "1.5 TB", "4096".
package struct ByteAmount: Sendable, Equatable, CustomStringConvertible {
    package let bytes: Int

    private static let units: [(name: String, size: Double)] = [
        ("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("KiB", 0x1p10), ("MiB", 0x1p20),
        ("GiB", 0x1p30), ("TiB", 0x1p40),
    ]

    package init(_ bytes: Int) { self.bytes = bytes }

    /// `nil` where the text is no positive amount; capitals do not matter.
    package init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let number = Double(digits) else { return nil }
        guard let size = unit.isEmpty ? 1 : ByteAmount.units.first(where: { $0.name.lowercased() == unit })?.size else {
            return nil
        }
        let bytes = (number * size).rounded(.down)
        guard bytes >= 1, bytes < 0x1p62 else { return nil }
        self.bytes = Int(bytes)
    }

    /// In decimal units, three digits: "886 MB", "20.0 GB".
    package var description: String {
        guard let unit = ByteAmount.units[1...4].last(where: { Double(bytes) >= $0.size }) else { return "\(bytes) B" }
        let hundredths = (Double(bytes) / unit.size * 100).rounded() / 100
        let decimals = hundredths >= 100 ? 0 : hundredths >= 10 ? 1 : 2
        return "\(Decimals.text(hundredths, decimals)) \(unit.name)"
    }
}

/// Numbers with a fixed number of decimals.
enum Decimals {
    static func text(_ number: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let whole = Int((number * scale).rounded())
        guard decimals > 0 else { return "\(whole)" }
        let fraction = String(whole % Int(scale))
        return "\(whole / Int(scale))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}
