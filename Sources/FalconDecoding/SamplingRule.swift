import FalconTensor
import Foundation

/// How a token is drawn from logits: temperature, then the k likeliest tokens, then the likeliest of those that make
/// up the share p (Holtzman et al. 2020).
package struct SamplingRule: Sendable, Equatable {
    /// 0 always takes the likeliest token.
    package let temperature: Double
    /// How many of the likeliest tokens may be drawn; 0 for all.
    package let topK: Int
    /// The share of the probability that may be drawn, in (0, 1]; 1 for all.
    package let topP: Double
    package let seed: UInt64

    /// Always the likeliest token.
    package static let greedy = SamplingRule(temperature: 0)

    package init(temperature: Double, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) {
        precondition(temperature >= 0 && topK >= 0 && topP > 0 && topP <= 1, "no sampling with \(temperature), \(topP)")
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }

    package var isGreedy: Bool { temperature == 0 }

    /// Random numbers for one prompt: the same for the same prompt and seed, whatever was decoded before.
    func source(for prompt: [Int32]) -> RandomSource {
        RandomSource(seed: seed).stream(prompt.map(String.init).joined(separator: " "))
    }

    /// The same for a row whose columns are a draft vocabulary's: all other tokens have the probability 0.
    func distribution(_ logits: [Float], within subset: VocabularySubset?) -> TokenDistribution {
        let own = distribution(logits)
        return subset.map { own.spread(over: $0) } ?? own
    }

    /// The probabilities that a row of logits stands for under this rule.
    func distribution(_ logits: [Float]) -> TokenDistribution {
        precondition(!isGreedy, "a greedy choice has no distribution")
        let largest = Double(logits.max() ?? 0)
        var weights = logits.map { exp((Double($0) - largest) / temperature) }
        let limit = topK == 0 ? logits.count : min(topK, logits.count)
        if limit < logits.count || topP < 1 {
            // The lower id first where two are equally likely.
            let order = weights.indices.sorted { weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1] }
            let allowed = order.prefix(limit).reduce(0) { $0 + weights[$1] }
            var (kept, mass) = (0, 0.0)
            while kept < limit, kept == 0 || mass < topP * allowed {
                mass += weights[order[kept]]
                kept += 1
            }
            for token in order.dropFirst(kept) { weights[token] = 0 }
        }
        return TokenDistribution(weights: weights)
    }
}

/// Probabilities of all tokens of a vocabulary.
package struct TokenDistribution: Sendable, Equatable {
    /// Sums to 1, or is 0 everywhere.
    private(set) var probabilities: [Double]

    /// - Parameter weights: none negative.
    init(weights: [Double]) {
        probabilities = weights
        normalize()
    }

    /// Whether no token can be drawn.
    var isEmpty: Bool { probabilities.allSatisfy { $0 <= 0 } }

    subscript(token: Int32) -> Double { probabilities[Int(token)] }

    /// The largest probabilities, the largest first.
    func largest(_ count: Int) -> [Double] {
        var best: [Double] = []
        for probability in probabilities where probability > 0 && (best.count < count || probability > best[count - 1])
        {
            best.insert(probability, at: best.firstIndex { $0 < probability } ?? best.count)
            if best.count > count { best.removeLast() }
        }
        return best
    }

    /// The same of the whole vocabulary, for one whose columns are a subset's.
    func spread(over subset: VocabularySubset) -> TokenDistribution {
        var whole = self
        whole.probabilities = [Double](repeating: 0, count: subset.vocabulary)
        for (column, token) in subset.tokens.enumerated() { whole.probabilities[Int(token)] = probabilities[column] }
        return whole
    }

    /// Takes a token out, so that it is not drawn again.
    mutating func remove(_ token: Int32) {
        probabilities[Int(token)] = 0
        normalize()
    }

    /// What is left of this distribution where `other` claimed its share: `max(p - q, 0)`, normalised.
    func rest(after other: TokenDistribution) -> TokenDistribution {
        TokenDistribution(weights: zip(probabilities, other.probabilities).map { max($0 - $1, 0) })
    }

    /// Draws a token.
    func draw(_ random: inout RandomSource) -> Int32 {
        precondition(!isEmpty, "drawing from nothing")
        var left = random.uniformDouble()
        var last = 0
        for (token, probability) in probabilities.enumerated() where probability > 0 {
            last = token
            left -= probability
            if left < 0 { break }
        }
        return Int32(last)
    }

    private mutating func normalize() {
        let sum = probabilities.reduce(0, +)
        guard sum > 0 else { return }
        for token in probabilities.indices { probabilities[token] /= sum }
    }
}
