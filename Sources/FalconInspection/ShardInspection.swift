import FalconShards
import FalconTensor
import FalconWeights
import Foundation

/// What a folder of feature shards holds, and what is wrong with it.
package struct ShardInspection: Sendable, Encodable {
    package let folder: String
    package let description: ShardDescription
    package let shards, sequences, tokens, lossTokens, bytes: Int
    package let shortest, median, longest: Int
    package let bytesPerToken: Double
    package let findings: [Finding]

    /// - Parameters:
    ///   - folder: with `manifest.json`.
    ///   - isThorough: also compares digests, reads every sequence and checks what it holds.
    /// - Throws: `FileError` or the reader's error where the folder holds no shards or cannot be opened.
    package init(folder: String, isThorough: Bool) throws {
        let store = try FeatureStore(folder: folder)
        self.folder = folder
        description = store.description
        shards = store.manifest.shards.count
        sequences = store.count
        tokens = store.manifest.tokenCount
        lossTokens = store.manifest.shards.reduce(0) { $0 + $1.lossTokens }
        bytes = store.manifest.shards.reduce(0) { $0 + $1.bytes }
        let lengths = store.sequences.map(\.length).sorted()
        (shortest, median, longest) = (lengths[0], lengths[lengths.count / 2], lengths[lengths.count - 1])
        bytesPerToken = Double(bytes) / Double(max(1, tokens))
        findings = ShardInspection.findings(store, isThorough: isThorough)
    }

    private static func findings(_ store: FeatureStore, isThorough: Bool) -> [Finding] {
        var findings: [Finding] = []
        var known: Set<String> = []
        let repeated = store.sequences.count { !known.insert($0.id).inserted }
        if repeated > 0 { findings.append(.problem("\(repeated) sequences have an id that occurred before")) }
        let failed = store.manifest.shards.flatMap(\.failed).reduce(0) { $0 + $1.value }
        if failed > 0 { findings.append(.problem("\(failed) conversations failed when the shards were made")) }
        guard isThorough else { return findings }
        do {
            try store.verifyDigests()
            for index in 0..<store.count {
                let sequence = try store.sequence(at: index)
                if !sequence.lossMask.contains(1) {
                    findings.append(.problem("sequence \(index) (\(sequence.id)) has no token that counts"))
                }
            }
        } catch {
            findings.append(.problem("\(error)"))
        }
        return findings
    }

    /// Writes one sequence: `hidden` `[time, hidden]`, `input_ids` and `loss_mask` `[time]`.
    ///
    /// - Throws: `FileError` where there is no such sequence.
    package static func dump(folder: String, sequence index: Int, to path: String) throws {
        let store = try FeatureStore(folder: folder)
        guard (0..<store.count).contains(index) else {
            throw FileError(folder, "has sequences 0 to \(store.count - 1); there is no \(index)")
        }
        let sequence = try store.sequence(at: index)
        try SafetensorsWriter.write(
            path, tensors: [("hidden", sequence.features)],
            integers: [
                ("input_ids", sequence.tokens.map(Int64.init), [sequence.length]),
                ("loss_mask", sequence.lossMask.map(Int64.init), [sequence.length]),
            ], metadata: ["id": sequence.id])
    }

    /// The report for people.
    package var lines: [String] {
        let share = Double(lossTokens) / Double(max(1, tokens)) * 100
        return FactTable.lines([
            ("shards", "\(shards), \(bytes) bytes, \(String(format: "%.1f", bytesPerToken)) bytes per token"),
            ("features", "\(description.hiddenSize) wide, stored as \(description.storage.rawValue)"),
            ("sequences", "\(sequences)"),
            ("tokens", "\(tokens), of them the assistant's \(lossTokens) (\(String(format: "%.1f", share)) %)"),
            ("lengths", "\(shortest) to \(longest), median \(median), limit \(description.maxLength)"),
            ("target", description.targetFingerprint), ("tokenizer", description.tokenizerFingerprint),
        ]) + findings.map(\.line)
    }

    enum CodingKeys: String, CodingKey {
        case folder, description, shards, sequences, tokens, bytes, shortest, median, longest, findings
        case lossTokens = "loss_tokens", bytesPerToken = "bytes_per_token"
    }
}
