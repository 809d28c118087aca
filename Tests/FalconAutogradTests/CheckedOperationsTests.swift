import FalconAutograd
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// No operation without a gradient check: every function of the tape that records one stands in a
/// `GradientCheck.check` of these tests. It reads the sources, because what was forgotten cannot report itself.
@Suite struct CheckedOperationsTests {
    /// Functions that are compared with something better than finite differences, and where.
    private let comparedElsewhere = [
        // It runs the operations of its body again: to the same bits.
        "part(_:_:)": "RecomputationTests.swift"
    ]

    private struct Declaration: Hashable {
        let name: String
        /// Of the parameters that must be given; "_" has none.
        let labels: [String]
        var words: String { name + "(" + labels.map { $0 + ":" }.joined() + ")" }
    }

    private func sources(_ folder: String, where isMeant: (String) -> Bool) throws -> [String: String] {
        let path = Fixtures.repository + "/" + folder
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".swift") }
        return Dictionary(
            uniqueKeysWithValues: try names.filter(isMeant).map {
                ($0, try String(contentsOfFile: path + "/" + $0, encoding: .utf8))
            })
    }

    /// `package mutating func name(labels...)`, without parameters that have a default.
    private func declarations(in text: String) -> [Declaration] {
        text.matches(of: /package mutating func (\w+)\(([^{]*?)\)\s*->/).map { match in
            // Commas inside types do not begin a parameter.
            var (depth, parameters) = (0, [""])
            for character in match.2 {
                if "([".contains(character) { depth += 1 }
                if ")]".contains(character) { depth -= 1 }
                if character == ",", depth == 0 {
                    parameters.append("")
                } else {
                    parameters[parameters.count - 1].append(character)
                }
            }
            let needed = parameters.filter { !$0.contains(" = ") }
            return Declaration(
                name: String(match.1),
                labels: needed.map { String($0.split { $0 == " " || $0 == ":" || $0.isNewline }.first ?? "_") })
        }
    }

    /// What stands in gradient checks: from each call to the expectation behind it.
    private func checks(in texts: some Sequence<String>) -> [Substring] {
        texts.flatMap { text in
            text.ranges(of: "GradientCheck.check(").map { call in
                text[
                    call.upperBound..<(text[call.upperBound...].firstRange(of: "#expect")?.lowerBound ?? text.endIndex)]
            }
        }
    }

    private func isChecked(_ operation: Declaration, in checks: [Substring]) -> Bool {
        checks.contains { check in
            check.ranges(of: operation.name + "(").contains { call in
                operation.labels.allSatisfy { $0 == "_" || check[call.upperBound...].contains($0 + ":") }
            }
        }
    }

    @Test func `every operation of the tape has a gradient check`() throws {
        let operations = try sources("Sources/FalconAutograd") { $0.hasPrefix("Operation+") }
            .values.flatMap(declarations)
        #expect(operations.count > 15, "\(operations.map(\.words))")
        let tests = try sources("Tests/FalconAutogradTests") { _ in true }
        let checks = checks(in: tests.values)
        for operation in operations where !isChecked(operation, in: checks) {
            let elsewhere = comparedElsewhere[operation.words].flatMap { tests[$0] }
            #expect(
                elsewhere?.contains("." + operation.name + "(") == true,
                "tape.\(operation.words) stands in no GradientCheck.check of Tests/FalconAutogradTests; add one")
        }
    }

    @Test func `a forgotten check is seen`() {
        let forgotten = declarations(
            in: """
                package mutating func swish(
                    _ input: Variable, slope: Float, bias: Float = 0
                ) -> Variable {
                """)
        #expect(forgotten == [Declaration(name: "swish", labels: ["_", "slope"])])
        let others = checks(in: ["GradientCheck.check([a]) { $0.swish($1[0]) }\n#expect(x)\nswish(a, slope: 1)"])
        #expect(!isChecked(forgotten[0], in: others))
        let own = checks(in: ["GradientCheck.check([a]) { $0.swish($1[0], slope: 1) }\n#expect(x)"])
        #expect(isChecked(forgotten[0], in: own))
    }
}
