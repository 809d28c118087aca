import FalconTensor
import Foundation

/// Inputs by number, each a function of the seed and its number alone, and the judgement of what a reader does with
/// one of them: no crash, no more than a second, no more memory than 4 times the input and 64 MiB.
package struct FuzzRun {
    package let reader: FuzzedReader
    private let seed: UInt64
    private let mutator: InputMutator
    private let desk: FuzzDesk
    /// The system counts a whole process: others that compute in it would be taken for the reader.
    private let judgesMemory: Bool

    /// Memory that a reader may take whatever its input is, in bytes.
    package static let allowance = 64 << 20

    /// What came of some inputs.
    package struct Record: Sendable, Codable {
        package var inputs = 0
        package var accepted = 0
        package var refused = 0
        /// Numbers of inputs with which the reader did what it must not, and what that was.
        package var faults: [Int: String] = [:]

        package init() {}

        package mutating func add(_ other: Record) {
            inputs += other.inputs
            accepted += other.accepted
            refused += other.refused
            faults.merge(other.faults) { first, _ in first }
        }
    }

    package init(_ reader: FuzzedReader, seeds: FuzzSeeds, seed: UInt64, judgesMemory: Bool = true) throws {
        self.reader = reader
        self.judgesMemory = judgesMemory
        self.seed = seed
        mutator = InputMutator(seeds: try seeds.inputs(for: reader))
        desk = try FuzzDesk(seeds: seeds)
    }

    /// The input of that number.
    package func input(_ number: Int) -> [UInt8] {
        var random = RandomSource(seed: seed, stream: UInt64(number)).stream(reader.rawValue)
        return mutator.input(&random)
    }

    /// Has the reader read input after input.
    ///
    /// - Parameter before: told each number, and what came of those before it, before its input is read, which may be
    ///   the last thing that happens.
    package func run(_ numbers: Range<Int>, before: (Int, Record) -> Void = { _, _ in }) throws -> Record {
        var record = Record()
        for number in numbers {
            let input = input(number)
            before(number, record)
            let fault = try read(input, into: &record)
            if let fault { record.faults[number] = fault }
        }
        return record
    }

    /// Has the reader read one input.
    ///
    /// - Returns: what it did that it must not do.
    package func read(_ input: [UInt8], into record: inout Record) throws -> String? {
        let memory = ProcessMemory.peakByteCount
        let outcome = try reader.read(input, on: desk)
        record.inputs += 1
        switch outcome {
        case .accepted: record.accepted += 1
        case .refused(let words):
            record.refused += 1
            guard !words.isEmpty else { return "refused it without a word" }
        }
        // The peak only ever rises, and hardly ever after the first inputs.
        let more = ProcessMemory.peakByteCount - memory
        guard !judgesMemory || more <= 4 * input.count + FuzzRun.allowance else {
            return "took \(more >> 20) MiB for \(input.count) bytes"
        }
        return nil
    }

    /// The same for input that a coverage-guided engine made.
    package func change(_ input: [UInt8], seed: UInt64) -> [UInt8] {
        var random = RandomSource(seed: seed)
        return mutator.changed(input, &random)
    }

    /// The inputs that mutations start from.
    package var seeds: [[UInt8]] { mutator.seeds }
}
