import FalconShards
import FalconTensor
import FalconWeights
import Foundation

/// What feature shards hold, and what is wrong with them.
package struct ShardInspection: Sendable, Encodable {
    package let path: String
    package let description: ShardDescription
    package let shards, sequences, tokens, bytes: Int
    /// The assistant's tokens; `nil` for a file by itself that was not read through.
    package let lossTokens: Int?
    package let shortest, median, longest: Int
    package let bytesPerToken: Double
    package let findings: [Finding]

    /// - Parameters:
    ///   - path: a folder with `manifest.json`, or one shard, `*.h5`.
    ///   - isThorough: also compares digests, reads every sequence and checks what it holds.
    /// - Throws: `FileError` or the reader's error where there are no shards or they cannot be opened.
    package init(path: String, isThorough: Bool) throws {
        let source = try ShardSource(path: path)
        self.path = path
        description = source.description
        (shards, sequences, bytes) = (source.shardCount, source.sequences.count, source.bytes)
        let lengths = source.sequences.map(\.length).sorted()
        tokens = lengths.reduce(0, +)
        (shortest, longest) = (lengths.first ?? 0, lengths.last ?? 0)
        median = lengths.isEmpty ? 0 : lengths[lengths.count / 2]
        bytesPerToken = Double(bytes) / Double(max(1, tokens))

        var findings: [Finding] = []
        var known: Set<String> = []
        let repeated = source.sequences.count { !known.insert($0.id).inserted }
        if repeated > 0 {
            findings.append(
                .problem("\(counted(repeated, "sequence has", "sequences have")) an id that occurred before"))
        }
        if source.failedCount > 0 {
            findings.append(.problem("\(counted(source.failedCount, "conversation")) failed when the shards were made"))
        }
        var lossTokens = source.lossTokens
        if isThorough {
            do {
                lossTokens = try ShardInspection.readThrough(source, &findings)
            } catch {
                findings.append(.problem("\(error)"))
            }
        }
        self.lossTokens = lossTokens
        self.findings = findings
    }

    /// Reads everything.
    ///
    /// - Returns: the number of tokens that count.
    private static func readThrough(_ source: ShardSource, _ findings: inout [Finding]) throws -> Int {
        try source.verifyDigests()
        var lossTokens = 0
        for index in source.sequences.indices {
            let sequence = try source.read(index)
            let marked = sequence.lossMask.count { $0 == 1 }
            if marked == 0 {
                findings.append(.problem("sequence \(index) (\(sequence.id)) has no token that counts"))
            }
            lossTokens += marked
        }
        if let noted = source.lossTokens, noted != lossTokens {
            findings.append(
                .problem("\(counted(lossTokens, "token counts", "tokens count")), the manifest says \(noted)"))
        }
        return lossTokens
    }

    /// Writes one sequence: `hidden` `[time, hidden]`, `input_ids` and `loss_mask` `[time]`, and what there is of
    /// `teacher_tokens`, `teacher_log_probabilities` `[time, entries]`, `teacher_log_normalizer` `[time]` and
    /// `auxiliary` `[time, layers * hidden]`.
    ///
    /// - Throws: `FileError` where there is no such sequence.
    package static func dump(path: String, sequence index: Int, to output: String) throws {
        let source = try ShardSource(path: path)
        guard source.sequences.indices.contains(index) else {
            throw FileError(path, "has sequences 0 to \(source.sequences.count - 1); there is no \(index)")
        }
        let sequence = try source.read(index)
        var tensors = [(name: "hidden", tensor: sequence.features)]
        var integers = [
            (name: "input_ids", values: sequence.tokens.map(Int64.init), shape: [sequence.length]),
            (name: "loss_mask", values: sequence.lossMask.map(Int64.init), shape: [sequence.length]),
        ]
        if let statistics = sequence.statistics {
            let shape = [sequence.length, statistics.entryCount]
            integers.append(("teacher_tokens", statistics.tokens.map(Int64.init), shape))
            tensors.append(("teacher_log_probabilities", Tensor(statistics.logProbabilities, shape)))
            tensors.append(("teacher_log_normalizer", Tensor(statistics.logNormalizers, [sequence.length])))
        }
        if let auxiliary = sequence.auxiliary { tensors.append(("auxiliary", auxiliary.rows)) }
        try SafetensorsWriter.write(output, tensors: tensors, integers: integers, metadata: ["id": sequence.id])
    }

    /// The report for people.
    package var lines: [String] {
        let share = lossTokens.map { lossTokens in
            let percent = String(format: "%.1f", Double(lossTokens) / Double(max(1, tokens)) * 100)
            return ", of them the assistant's \(lossTokens) (\(percent) %)"
        }
        return FactTable.lines(
            [
                (
                    "shards",
                    "\(shards), \(counted(bytes, "byte")), \(String(format: "%.1f", bytesPerToken)) bytes per token"
                ),
                ("features", "\(description.hiddenSize) wide, stored as \(description.storage.rawValue)"),
                ("statistics", description.teacherEntries.map { "\($0) likeliest next tokens" } ?? "none"),
            ]
                + (description.auxiliaryLayers.isEmpty
                    ? []
                    : [("layers", "states of \(LayerNumbers.text(description.auxiliaryLayers)) beside the features")])
                + [
                    ("sequences", "\(sequences)"),
                    ("tokens", "\(tokens)\(share ?? "")"),
                    ("lengths", "\(shortest) to \(longest), median \(median), limit \(description.maxLength)"),
                    ("target", description.targetFingerprint), ("tokenizer", description.tokenizerFingerprint),
                ]) + findings.map(\.line)
    }

    enum CodingKeys: String, CodingKey {
        case path, description, shards, sequences, tokens, bytes, shortest, median, longest, findings
        case lossTokens = "loss_tokens", bytesPerToken = "bytes_per_token"
    }
}
