import Falcon
import Synchronization

/// What a server counts, and its page for Prometheus.
package final class ServerFigures: Sendable {
    private struct Counts {
        /// By endpoint, then status.
        var requests: [String: [Int: Int]] = [:]
        var inFlight = 0
        var cancelled = 0
        var prompt = 0
        var generated = 0
        var accepted = 0
        var rejected = 0
        var passes = 0
        var firstToken = Histogram(bounds: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
        var total = Histogram(bounds: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300])
    }

    /// How often a time was within each bound.
    private struct Histogram {
        let bounds: [Double]
        var counts: [Int]
        var sum = 0.0
        var count = 0

        init(bounds: [Double]) { (self.bounds, counts) = (bounds, [Int](repeating: 0, count: bounds.count)) }

        mutating func add(_ value: Double) {
            for (index, bound) in bounds.enumerated() where value <= bound { counts[index] += 1 }
            sum += value
            count += 1
        }

        func lines(_ name: String, _ help: String) -> [String] {
            ["# HELP \(name) \(help)", "# TYPE \(name) histogram"]
                + zip(bounds, counts).map { "\(name)_bucket{le=\"\($0)\"} \($1)" }
                + ["\(name)_bucket{le=\"+Inf\"} \(count)", "\(name)_sum \(sum)", "\(name)_count \(count)"]
        }
    }

    private let counts = Mutex(Counts())

    package init() {}

    /// Answers that are being generated.
    package var inFlight: Int { counts.withLock(\.inFlight) }

    /// Takes on a request unless `most` are being answered.
    package func begin(most: Int) -> Bool {
        counts.withLock { counts in
            guard counts.inFlight < most else { return false }
            counts.inFlight += 1
            return true
        }
    }

    /// A request that `begin` took on is over.
    ///
    /// - Parameter isWhole: false where its client has gone.
    package func end(isWhole: Bool) {
        counts.withLock { counts in
            counts.inFlight -= 1
            if !isWhole { counts.cancelled += 1 }
        }
    }

    /// A request was answered with a status.
    package func answered(_ endpoint: String, status: Int) {
        counts.withLock { $0.requests[endpoint, default: [:]][status, default: 0] += 1 }
    }

    /// A text is complete.
    package func add(_ summary: GenerationSummary) {
        counts.withLock { counts in
            counts.prompt += summary.promptTokens
            counts.generated += summary.generatedTokens
            counts.accepted += summary.acceptedDraftTokens
            counts.rejected += summary.rejectedDraftTokens
            counts.passes += summary.targetPasses
            counts.firstToken.add(summary.secondsToFirstToken)
            counts.total.add(summary.seconds)
        }
    }

    /// The page, in Prometheus' text format.
    package var page: String {
        let counts = counts.withLock { $0 }
        var lines = [
            "# HELP falcon_requests_total Requests by endpoint and status.", "# TYPE falcon_requests_total counter",
        ]
        for (endpoint, statuses) in counts.requests.sorted(by: { $0.key < $1.key }) {
            for (status, count) in statuses.sorted(by: { $0.key < $1.key }) {
                lines.append("falcon_requests_total{endpoint=\"\(endpoint)\",status=\"\(status)\"} \(count)")
            }
        }
        let figures = [
            ("falcon_requests_in_flight", "gauge", "Requests that are being answered.", counts.inFlight),
            ("falcon_requests_cancelled_total", "counter", "Requests whose client went away.", counts.cancelled),
            ("falcon_prompt_tokens_total", "counter", "Tokens of prompts of complete texts.", counts.prompt),
            ("falcon_generated_tokens_total", "counter", "Generated tokens of complete texts.", counts.generated),
            ("falcon_accepted_draft_tokens_total", "counter", "Those that were drafted.", counts.accepted),
            ("falcon_rejected_draft_tokens_total", "counter", "Drafted tokens that were not taken.", counts.rejected),
            ("falcon_target_passes_total", "counter", "Passes behind the prompts' own, by texts.", counts.passes),
        ]
        for (name, type, help, value) in figures {
            lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(type)", "\(name) \(value)"]
        }
        lines += counts.firstToken.lines("falcon_time_to_first_token_seconds", "Seconds from request to first token.")
        lines += counts.total.lines("falcon_text_seconds", "Seconds from request to last token.")
        return lines.joined(separator: "\n") + "\n"
    }
}
