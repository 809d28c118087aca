import Foundation

/// How far counts of drawn texts lie from the distribution that they should have, and how far those of an exact
/// sampler would lie from it by chance.
struct DistributionFit: CustomStringConvertible {
    let samples: Int
    /// Half the sum of all differences between shares and probabilities.
    let variation: Double
    /// The mean of that for an exact sampler, and its standard deviation as if cells were independent: a little too
    /// small, since they share one sum.
    let noise: (mean: Double, deviation: Double)
    /// Pearson's statistic. Cells that fewer than five draws are expected in count as one.
    let chiSquare: Double
    let degrees: Int
    /// Draws of what has no probability at all.
    let impossible: Int

    /// - Parameters:
    ///   - counts: draws of each text.
    ///   - probabilities: of each text; they sum to 1.
    init<Text: Hashable>(_ counts: [Text: Int], _ probabilities: [Text: Double]) {
        let samples = Double(counts.values.reduce(0, +))
        var (difference, mean, square, chiSquare) = (0.0, 0.0, 0.0, 0.0)
        var (cells, few) = (0, (count: 0.0, expected: 0.0))
        for (text, probability) in probabilities where probability > 0 {
            let (count, expected) = (Double(counts[text] ?? 0), samples * probability)
            difference += abs(count / samples - probability)
            // The mean of a normal variable's absolute value is sqrt(2 / pi) of its deviation.
            let variance = probability * (1 - probability) / samples
            mean += (2 / Double.pi * variance).squareRoot()
            square += (1 - 2 / Double.pi) * variance
            if expected < 5 {
                few = (few.count + count, few.expected + expected)
            } else {
                chiSquare += (count - expected) * (count - expected) / expected
                cells += 1
            }
        }
        if few.expected > 0 {
            chiSquare += (few.count - few.expected) * (few.count - few.expected) / few.expected
            cells += 1
        }
        impossible = counts.reduce(0) { $0 + (probabilities[$1.key] ?? 0 > 0 ? 0 : $1.value) }
        self.samples = Int(samples)
        variation = (difference + Double(impossible) / samples) / 2
        noise = (mean / 2, square.squareRoot() / 2)
        self.chiSquare = chiSquare
        degrees = cells - 1
    }

    /// How many standard deviations chi-square lies above what chance gives (Wilson and Hilferty's cube root).
    var surprise: Double {
        guard degrees > 0 else { return 0 }
        let ninth = 2 / (9 * Double(degrees))
        return (cbrt(chiSquare / Double(degrees)) - (1 - ninth)) / ninth.squareRoot()
    }

    /// Whether an exact sampler could have drawn this: five standard deviations are seen in one of three million.
    var isExact: Bool {
        impossible == 0 && surprise < 5 && variation < noise.mean + 5 * noise.deviation
    }

    var description: String {
        String(
            format: "%d texts, total variation %.5f (of an exact sampler %.5f +- %.5f), chi-square %.1f of %d degrees, "
                + "%d impossible", samples, variation, noise.mean, noise.deviation, chiSquare, degrees, impossible)
    }

    /// How many texts a long run draws in each test (`Scripts/verify/long-sampling.sh`); `nil` in the suite.
    static let longSamples = Int(ProcessInfo.processInfo.environment["FALCON_LONG_SAMPLES"] ?? "")

    /// Prints the figures of a long run, at once, so that an interrupted one leaves some.
    func note(_ name: String) {
        guard DistributionFit.longSamples != nil else { return }
        FileHandle.standardOutput.write(Data("sampling: \(name): \(self)\n".utf8))
    }
}
