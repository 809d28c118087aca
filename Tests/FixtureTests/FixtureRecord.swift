import FalconTensor
import FalconTestSupport

/// What was compared in one case, and what does not agree: one line each.
struct Comparison {
    private(set) var problems: [String] = []

    mutating func fail(_ problem: String) { problems.append(problem) }

    mutating func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition { fail(problem()) }
    }

    mutating func equal<Value: Equatable>(_ actual: Value, _ expected: Value, _ what: String) {
        guard actual != expected else { return }
        fail(
            "\(what) is \(String(describing: actual).prefix(200)), expected \(String(describing: expected).prefix(200))"
        )
    }

    /// Compares bytes: Swift's strings are equal where they are canonically equivalent.
    mutating func same(_ actual: String?, _ expected: String?, _ what: String) {
        if actual.map({ Array($0.utf8) }) != expected.map({ Array($0.utf8) }) {
            fail("\(what) is \(actual.debugDescription), expected \(expected.debugDescription)")
        }
    }

    /// `|actual - expected| <= absolute + relative * |expected|` everywhere.
    mutating func close(
        _ actual: Tensor?, _ expected: Tensor?, absolute: Float = 0, relative: Float = 0, _ tensor: String
    ) {
        guard let actual, let expected else {
            fail("\(tensor) is missing \(actual == nil ? "in what was computed" : "in the fixture")")
            return
        }
        guard actual.shape == expected.shape else {
            fail("\(tensor) has shape \(actual.shape), expected \(expected.shape)")
            return
        }
        let difference = difference(
            actual.scalars, expected.scalars, absolute: absolute, relative: relative, shape: actual.shape)
        if let difference { fail("\(tensor): \(difference)") }
    }

    mutating func close(
        _ actual: Double, _ expected: Double, absolute: Double = 0, relative: Double = 0, _ what: String
    ) {
        let allowed = absolute + relative * abs(expected)
        if !(abs(actual - expected) <= allowed) {
            fail(
                "\(what) is \(actual), expected \(expected) (difference \(abs(actual - expected)), allowed \(allowed))")
        }
    }
}

/// The cases of a job: how many were found, and what the ones that do not agree are wrong in.
struct FixtureRecord {
    private(set) var found = 0
    private(set) var agreed = 0
    private(set) var problems: [String] = []

    /// Runs one case. An error that it throws is a disagreement.
    mutating func check(_ name: String, _ body: (inout Comparison) throws -> Void) {
        found += 1
        var comparison = Comparison()
        do {
            try body(&comparison)
        } catch { comparison.fail("\(error)") }
        if comparison.problems.isEmpty { agreed += 1 }
        problems += comparison.problems.map { "\(name): \($0)" }
    }

    mutating func merge(_ other: FixtureRecord) {
        found += other.found
        agreed += other.agreed
        problems += other.problems
    }
}

/// Some cases of a family that share files or a process.
struct FixtureJob: Sendable {
    let run: @Sendable (inout FixtureRecord) throws -> Void

    /// One case.
    init(_ name: String, _ body: @escaping @Sendable (inout Comparison) throws -> Void) {
        run = { $0.check(name, body) }
    }

    /// Several cases; an error is one that does not agree.
    init(cases run: @escaping @Sendable (inout FixtureRecord) throws -> Void) { self.run = run }
}

/// A kind of fixtures: what cases a folder holds is found out by looking.
struct FixtureFamily: Sendable {
    let name: String
    let jobs: @Sendable (_ folder: String) throws -> [FixtureJob]
}
