import FalconShards
import FalconTensor
import Foundation

/// How often the target says each token: in the answers of dialogues and, where teacher statistics are stored, by the
/// probabilities of the tokens that they name. The draft vocabulary is made of those that it says most.
///
/// All counts are whole numbers, so that neither the order of dialogues nor the threads change them.
struct VocabularyCount {
    /// Of each token; a token of an answer counts `unit`.
    private(set) var counts: [Int64]
    private static let unit = Double(1 << 20)

    /// Reads the tokens of some sequences; no features.
    ///
    /// - Parameters:
    ///   - maxLength: longer sequences are cut.
    ///   - vocabulary: how many tokens there are.
    /// - Throws: `FileError` where the source is damaged or names a token beyond the vocabulary.
    init(_ source: any FeatureSequences, _ indices: [Int], maxLength: Int, vocabulary: Int) throws {
        counts = [Int64](repeating: 0, count: vocabulary)
        for index in indices {
            let mask = try source.lossMask(index).prefix(maxLength)
            let (tokens, statistics) = try source.text(index)
            for (position, isAnswer) in mask.enumerated() where isAnswer != 0 {
                try add(tokens[position], VocabularyCount.unit, source.path)
                guard let statistics, position > 0 else { continue }
                for entry in statistics.entries(position - 1) {
                    let probability = exp(Double(statistics.logProbabilities[entry]))
                    try add(statistics.tokens[entry], VocabularyCount.unit * probability, source.path)
                }
            }
        }
    }

    private mutating func add(_ token: Int32, _ weight: Double, _ path: String) throws {
        guard counts.indices.contains(Int(token)) else {
            throw FileError(
                path, "holds token \(token), but the target has \(counts.count) tokens; make the features again")
        }
        counts[Int(token)] += Int64(weight)
    }

    var total: Int64 { counts.reduce(0, +) }

    /// The share of what was counted that some tokens make up; 1 where nothing was.
    func coverage(of subset: VocabularySubset) -> Double {
        let all = total
        return all > 0 ? Double(subset.tokens.reduce(0) { $0 + counts[Int($1)] }) / Double(all) : 1
    }

    /// The tokens that are said most, ascending; the lower id first where two are said as often.
    ///
    /// - Parameters:
    ///   - size: how many.
    ///   - required: are among them in any case.
    func most(_ size: Int, required: [Int32]) -> VocabularySubset {
        VocabularySubset(order(required).prefix(size).sorted(), of: counts.count)
    }

    /// The fewest tokens that make up a share of what was counted, in whole panels of the product that ranks them.
    func fewest(coverage: Double, required: [Int32]) -> VocabularySubset {
        let (order, goal) = (order(required), coverage * Double(total))
        var (size, sum) = (0, Int64(0))
        while size < order.count, size < required.count || Double(sum) < goal {
            sum += counts[Int(order[size])]
            size += 1
        }
        let panel = 32
        return most(min(order.count, max(1, (size + panel - 1) / panel) * panel), required: required)
    }

    private func order(_ required: [Int32]) -> [Int32] {
        let first = Set(required)
        let others = counts.indices.map { Int32($0) }.filter { !first.contains($0) }
        // A stable sort: by id where counts are equal.
        let sorted = others.sorted { a, b in
            counts[Int(a)] == counts[Int(b)] ? a < b : counts[Int(a)] > counts[Int(b)]
        }
        return first.sorted() + sorted
    }
}
