import Foundation

/// What each rank did in one step, and when.
package struct StepTimeline: Codable, Sendable, Equatable {
    /// A kind of work. Sums between ranks run on a thread of their own, beside all others.
    package enum Part: String, Codable, Sendable, CaseIterable {
        /// A slice's batch: reading it, glancing's first pass, and the second one.
        case forward
        case backward
        /// Adding a slice to those before it.
        case sum
        /// For the other ranks' parts of the gradient, after the own backward passes.
        case wait
        /// A few numbers, from all ranks to all: losses, the gradient's length.
        case agree
        /// AdamW over the rank's share of the weights.
        case move
        /// A bucket of gradients, summed over the ranks.
        case reduceScatter = "reduce-scatter"
        /// A bucket of weights, from all ranks to all.
        case allGather = "all-gather"
    }

    /// One piece of work of a rank.
    package struct Span: Codable, Sendable, Equatable {
        package let part: Part
        /// Of the slice, or the bucket; 0 where the part has none.
        package let number: Int
        /// Seconds since this rank began the step.
        package let start, end: Double
    }

    /// What one rank did, in the order in which each piece ended, and what it held.
    package struct Rank: Codable, Sendable, Equatable {
        package let spans: [Span]
        /// Bytes of the optimizer's moments on this rank.
        package let momentBytes: Int
        /// The most that the process has held so far.
        package let peakMemoryBytes: Int

        enum CodingKeys: String, CodingKey {
            case spans
            case momentBytes = "moment_bytes"
            case peakMemoryBytes = "peak_memory_bytes"
        }
    }

    /// As `metrics.jsonl` counts them.
    package let step: Int
    package let ranks: [Rank]

    package init(step: Int, ranks: [Rank]) { (self.step, self.ranks) = (step, ranks) }

    /// One line of `timeline.jsonl`; `nil` where it is none.
    init?(json: String) {
        guard let timeline = try? JSONDecoder().decode(StepTimeline.self, from: Data(json.utf8)) else { return nil }
        self = timeline
    }

    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }
}

/// Takes down when the parts of a step begin and end, on any thread; does nothing between the steps that are looked at.
final class StepClock: @unchecked Sendable {
    private let now: () -> Double
    private let lock = NSLock()
    private var start: Double?
    private var spans: [StepTimeline.Span] = []

    /// - Parameter now: seconds on a steady clock.
    init(now: @escaping () -> Double) { self.now = now }

    /// Begins to look at a step.
    func begin() { lock.withLock { (start, spans) = (now(), []) } }

    /// Ends that, and gives what was seen.
    func end() -> [StepTimeline.Span] {
        lock.withLock {
            defer { (start, spans) = (nil, []) }
            return spans
        }
    }

    /// Runs a piece of work.
    func time<Result>(_ part: StepTimeline.Part, _ number: Int = 0, _ body: () throws -> Result) rethrows -> Result {
        guard let start = lock.withLock({ start }) else { return try body() }
        let began = now() - start
        defer {
            let ended = now() - start
            // Microseconds are what such a clock can tell.
            func rounded(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }
            let span = StepTimeline.Span(part: part, number: number, start: rounded(began), end: rounded(ended))
            lock.withLock { spans.append(span) }
        }
        return try body()
    }
}
