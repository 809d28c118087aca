/// The exchange of gradients over the network beside a backward pass, bucket by bucket, as the trainer makes it.
///
/// Buckets go in one order, the last values' first, each when the pass has found all of its gradients and the network
/// has moved those before it.
struct GradientExchange: Equatable {
    /// A part of the backward pass.
    struct Stage: Equatable {
        var seconds: Double
        /// Values whose gradients it finds: the last of those that earlier stages left.
        var values: Double
        /// Whether it finds them one after the other; otherwise all of them at its end, as a recurrent layer does,
        /// which adds up over all positions.
        var isGradual = false
    }

    /// Of the network, in all.
    let seconds: Double
    /// What of that passes while the backward pass runs.
    let hiddenSeconds: Double
    /// What of it the rank waits for after the pass.
    let waitingSeconds: Double

    /// - Parameters:
    ///   - stages: of the backward pass, in its order.
    ///   - bucket: values of a bucket at most, counted from the first value.
    ///   - secondsPerValue: of the network.
    init(behind stages: [Stage], bucket: Double, secondsPerValue: Double) {
        let (values, end) = (stages.reduce(0) { $0 + $1.values }, stages.reduce(0) { $0 + $1.seconds })
        var (clock, total) = (0.0, 0.0)
        var first = (values / bucket).rounded(.up) * bucket
        while first > 0 {
            let last = min(first, values)
            first -= bucket
            let seconds = (last - first) * secondsPerValue
            clock = max(clock, GradientExchange.found(first, in: stages, of: values)) + seconds
            total += seconds
        }
        seconds = total
        // All gradients are there when the pass ends, so the network rests no more after it.
        waitingSeconds = min(total, max(0, clock - end))
        hiddenSeconds = total - waitingSeconds
    }

    /// When the pass has found the gradients of a value and of all behind it.
    private static func found(_ value: Double, in stages: [Stage], of values: Double) -> Double {
        var (clock, left) = (0.0, values)
        for stage in stages {
            let remaining = left - stage.values
            if value >= remaining, stage.values > 0 {
                return clock + stage.seconds * (stage.isGradual ? (left - value) / stage.values : 1)
            }
            (clock, left) = (clock + stage.seconds, remaining)
        }
        return clock
    }
}
