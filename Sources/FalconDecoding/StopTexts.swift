/// Looks for texts that end an answer while it comes, whatever pieces it comes in.
///
/// The text that is complete first ends the answer, where it begins. Nothing that might still become the beginning of
/// one is let go before that is known.
package struct StopTexts: Sendable {
    private let stops: [[UInt8]]

    /// - Parameter stops: none empty.
    package init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) } }

    /// Bytes of the longest one.
    var longest: Int { stops.map(\.count).max() ?? 0 }

    /// What is known of a text's bytes.
    package enum Finding: Equatable, Sendable {
        /// No stop; so many bytes from the first on are certain to belong to the answer.
        case safe(Int)
        /// The answer ends before this byte.
        case end(Int)
    }

    /// - Parameters:
    ///   - text: the bytes that are not let go yet.
    ///   - known: how many of them were looked at before.
    package func find(in text: [UInt8], known: Int = 0) -> Finding {
        guard !stops.isEmpty else { return .safe(text.count) }
        for end in known..<text.count {
            let starts = stops.compactMap { stop -> Int? in
                let start = end + 1 - stop.count
                return start >= 0 && text[start...end].elementsEqual(stop) ? start : nil
            }
            if let first = starts.min() { return .end(first) }
        }
        let held = stops.map { stop in
            stride(from: min(stop.count - 1, text.count), to: 0, by: -1)
                .first { text.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
        }
        return .safe(text.count - (held.max() ?? 0))
    }
}
