extension DecodingReport {
    /// The figures of some of the prompts, pooled.
    package struct Share: Encodable, Sendable {
        package let prompts: Int
        /// How many of their answers go round in a cycle.
        package let loopingPrompts: Int
        package let statistics: AcceptStatistics
        /// Whether the text's own n-grams were drafted from.
        let usesLookup: Bool
        /// `nil` where nothing was timed.
        package let tokensPerSecond: Double?
        package let baselineTokensPerSecond: Double?
        package let mismatchedTokens: Int?
        /// How many answers ended for which reason; empty for a replay.
        package let finishes: [FinishReason: Int]

        /// - Parameters:
        ///   - comparing: whether tokens ought to be those of the baseline.
        ///   - isTimed: whether the turns were decoded, so that their seconds mean something.
        init(_ turns: [AnsweredTurn], comparing: Bool, isTimed: Bool, usesLookup: Bool) {
            self.usesLookup = usesLookup
            prompts = turns.count
            loopingPrompts = turns.count(where: \.loops)
            var pooled = AcceptStatistics()
            var (own, plain) = (PhaseSeconds(), PhaseSeconds())
            for turn in turns {
                pooled.add(turn.decoded.statistics)
                own.add(turn.decoded.seconds)
                if let baseline = turn.baseline { plain.add(baseline.seconds) }
            }
            statistics = pooled
            finishes = Dictionary(grouping: turns.compactMap(\.finish)) { $0 }.mapValues(\.count)
            func rate(_ tokens: Int, _ seconds: Double) -> Double { seconds > 0 ? Double(tokens) / seconds : 0 }
            let hasBaseline = turns.contains { $0.baseline != nil }
            let plainTokens = turns.reduce(0) { $0 + ($1.baseline?.tokens.count ?? 0) }
            tokensPerSecond = isTimed ? rate(pooled.generatedTokens, own.total) : nil
            baselineTokensPerSecond = hasBaseline ? rate(plainTokens, plain.total) : nil
            mismatchedTokens = hasBaseline && comparing ? turns.reduce(0) { $0 + $1.mismatchedTokens } : nil
        }

        /// How many times as fast as plain decoding.
        package var speedup: Double? {
            guard let tokensPerSecond, let baselineTokensPerSecond else { return nil }
            return baselineTokensPerSecond > 0 ? tokensPerSecond / baselineTokensPerSecond : 0
        }

        package func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: Key.self)
            try encode(into: &object)
        }

        func encode(into object: inout KeyedEncodingContainer<Key>) throws {
            try object.encode(prompts, forKey: .prompts)
            try object.encode(loopingPrompts, forKey: .loopingPrompts)
            try object.encode(statistics.generatedTokens, forKey: .generatedTokens)
            try object.encode(statistics.targetPasses, forKey: .targetPasses)
            try object.encode(statistics.draftPasses, forKey: .draftPasses)
            try object.encode(statistics.acceptedDraftTokens, forKey: .acceptedDraftTokens)
            if usesLookup {
                try object.encode(statistics.lookupTokens, forKey: .lookupTokens)
                try object.encode(statistics.acceptedLookupTokens, forKey: .acceptedLookupTokens)
            }
            try object.encode(statistics.acceptLength, forKey: .acceptLength)
            try object.encode(statistics.tokensPerPass, forKey: .tokensPerPass)
            try object.encode(statistics.acceptanceRate, forKey: .acceptanceRate)
            try object.encode(statistics.histogram, forKey: .acceptHistogram)
            try object.encode(statistics.acceptanceByDepth, forKey: .acceptanceByDepth)
            try object.encodeIfPresent(tokensPerSecond, forKey: .tokensPerSecond)
            try object.encodeIfPresent(baselineTokensPerSecond, forKey: .baselineTokensPerSecond)
            try object.encodeIfPresent(speedup, forKey: .speedup)
            try object.encodeIfPresent(mismatchedTokens, forKey: .mismatchedTokens)
            if !finishes.isEmpty {
                let counts = Dictionary(uniqueKeysWithValues: finishes.map { ($0.rawValue, $1) })
                try object.encode(counts, forKey: .finishReasons)
            }
        }
    }
}
