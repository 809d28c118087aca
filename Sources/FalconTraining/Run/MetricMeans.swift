/// Gathers what several batches measured into one record: means weighted by what each batch counted, and totals.
package struct MetricMeans: Sendable, Codable {
    private enum Entry: Sendable, Codable {
        case mean(sums: [Double], weights: [Double], isList: Bool)
        case total(Int)
        case constant(Double)
    }

    private var names: [String] = []
    private var entries: [String: Entry] = [:]

    package init() {}

    /// Adds to a mean: `sum` over `weight` things.
    package mutating func add(_ name: String, sum: Double, weight: Double) {
        add(name, sums: [sum], weights: [weight], isList: false)
    }

    /// Adds to a list of means, one for each block offset.
    package mutating func add(_ name: String, sums: [Double], weights: [Double]) {
        add(name, sums: sums, weights: weights, isList: true)
    }

    /// Adds to a total.
    package mutating func add(_ name: String, count: Int) {
        if case .total(let before) = entries[name] {
            set(name, .total(before + count))
        } else {
            set(name, .total(count))
        }
    }

    /// Sets what is the same in every batch.
    package mutating func set(_ name: String, to value: Double) { set(name, .constant(value)) }

    /// Adds everything that another one gathered.
    package mutating func add(_ other: MetricMeans) {
        for name in other.names {
            switch other.entries[name] {
            case .mean(let sums, let weights, let isList): add(name, sums: sums, weights: weights, isList: isList)
            case .total(let count): add(name, count: count)
            case .constant(let value): set(name, to: value)
            case nil: break
            }
        }
    }

    /// The means and totals, in the order in which their names first came. The mean of nothing is not a number.
    package var record: MetricRecord {
        var record = MetricRecord()
        for name in names {
            switch entries[name] {
            case .mean(let sums, let weights, let isList):
                let means = zip(sums, weights).map { $1 > 0 ? $0 / $1 : .nan }
                record[name] = isList ? .numbers(means) : .number(means[0])
            case .total(let count): record[name] = .whole(count)
            case .constant(let value): record[name] = .number(value)
            case nil: break
            }
        }
        return record
    }

    private mutating func add(_ name: String, sums: [Double], weights: [Double], isList: Bool) {
        precondition(sums.count == weights.count, "\(sums.count) sums of \(name) for \(weights.count) weights")
        if case .mean(let before, let beforeWeights, _) = entries[name], before.count == sums.count {
            set(
                name,
                .mean(
                    sums: zip(before, sums).map(+), weights: zip(beforeWeights, weights).map(+), isList: isList))
        } else {
            set(name, .mean(sums: sums, weights: weights, isList: isList))
        }
    }

    private mutating func set(_ name: String, _ entry: Entry) {
        if entries.updateValue(entry, forKey: name) == nil { names.append(name) }
    }
}
