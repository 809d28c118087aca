import Testing

@testable import FalconBenchmark

/// What the network does behind a backward pass.
@Suite struct GradientExchangeTests {
    private typealias Stage = GradientExchange.Stage

    /// 100 values: 40 come one after the other from 1 s to 3 s, 60 at the end of the last stage, at 7 s.
    private let stages = [
        Stage(seconds: 1, values: 0), Stage(seconds: 2, values: 40, isGradual: true), Stage(seconds: 4, values: 60),
    ]

    @Test func `buckets wait for their gradients and for the buckets before them`() {
        // Buckets of 50 values: the second has all gradients at 7 s only, as the first has.
        let whole = GradientExchange(behind: stages, bucket: 50, secondsPerValue: 0.01)
        #expect(abs(whole.waitingSeconds - 1) < 1e-9 && abs(whole.hiddenSeconds) < 1e-9)
        // Buckets of 20: two go behind the pass, at 2 s and at 3 s, and three after it.
        let small = GradientExchange(behind: stages, bucket: 20, secondsPerValue: 0.01)
        #expect(abs(small.hiddenSeconds - 0.4) < 1e-9 && abs(small.waitingSeconds - 0.6) < 1e-9)
        // So slow that the second waits for the first, and the rest begins after the pass has ended.
        let slow = GradientExchange(behind: stages, bucket: 20, secondsPerValue: 0.2)
        #expect(abs(slow.hiddenSeconds - 5) < 1e-9 && abs(slow.waitingSeconds - 15) < 1e-9)
    }

    @Test func `values that fill no bucket make one of their own, the first to go`() {
        // Buckets of 30 values: those from 90 on are 10, found at 1.5 s.
        let exchange = GradientExchange(behind: stages, bucket: 30, secondsPerValue: 0.5)
        #expect(abs(exchange.seconds - 50) < 1e-9 && abs(exchange.hiddenSeconds - 5.5) < 1e-9)
    }

    @Test(arguments: [0, 1e-6, 0.003, 0.02, 0.1, 3]) func `no more is hidden than what overlaps`(rate: Double) {
        for bucket in [1.0, 7, 20, 33, 100, 1000] {
            let exchange = GradientExchange(behind: stages, bucket: bucket, secondsPerValue: rate)
            #expect(abs(exchange.seconds - 100 * rate) < 1e-9)
            #expect(abs(exchange.hiddenSeconds + exchange.waitingSeconds - exchange.seconds) < 1e-9)
            #expect(exchange.hiddenSeconds >= 0 && exchange.waitingSeconds >= 0)
            // Nothing can go before the first gradient is there; and what comes last cannot hide.
            #expect(exchange.hiddenSeconds <= 6 + 1e-9)
            #expect(exchange.waitingSeconds >= min(bucket, 60) * rate - 1e-9)
        }
    }

    @Test func `nothing is exchanged without a pass or without values`() {
        #expect(GradientExchange(behind: [], bucket: 8, secondsPerValue: 1).seconds == 0)
        let still = GradientExchange(behind: [Stage(seconds: 3, values: 0)], bucket: 8, secondsPerValue: 1)
        #expect(still.seconds == 0 && still.hiddenSeconds == 0 && still.waitingSeconds == 0)
    }
}
