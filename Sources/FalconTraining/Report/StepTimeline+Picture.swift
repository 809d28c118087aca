import FalconPictures

extension StepTimeline {
    /// So many ranks are drawn.
    private static let mostRanks = 8

    /// The parts that run beside the others, on a thread of their own.
    private static let network: Set<Part> = [.reduceScatter, .allGather]

    /// The step as bars over time: for each rank what it computes, and below that what its network does.
    var picture: Picture? {
        let shown = ranks.prefix(StepTimeline.mostRanks)
        let hasNetwork = shown.flatMap(\.spans).contains { StepTimeline.network.contains($0.part) }
        let lanes = shown.map(\.spans).enumerated().flatMap { rank, spans in
            func lane(_ name: String, _ isNetwork: Bool) -> LaneChart.Lane {
                LaneChart.Lane(
                    name: name,
                    bars: spans.filter { StepTimeline.network.contains($0.part) == isNetwork }.map(StepTimeline.bar))
            }
            return [lane("rank \(rank)", false)] + (hasNetwork ? [lane("network", true)] : [])
        }
        let rest = ranks.count > shown.count ? ", the first \(shown.count) of \(ranks.count) ranks" : ""
        return LaneChart.picture(
            "Step \(step)\(rest)", lanes, kinds: Part.allCases.map(\.rawValue), axis: "ms since the step began")
    }

    private static func bar(_ span: Span) -> LaneChart.Bar {
        LaneChart.Bar(
            kind: Part.allCases.firstIndex(of: span.part) ?? 0, label: span.label, start: span.start * 1000,
            end: span.end * 1000)
    }
}

extension StepTimeline.Span {
    /// What its number counts, from 1.
    var label: String {
        switch part {
        case .forward, .backward, .sum: "slice \(number + 1)"
        case .reduceScatter, .allGather: "bucket \(number + 1)"
        case .wait, .agree, .move: ""
        }
    }
}
