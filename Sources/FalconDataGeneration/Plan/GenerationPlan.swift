import FalconShards
import FalconTensor
import Foundation

/// What a run would take: disk, hours, memory, and what would become of each row. Made without writing anything to
/// the output folder.
package struct GenerationPlan: Sendable, Codable {
    /// What the features would take in one storage.
    package struct Size: Sendable, Codable, Equatable {
        package let dtype: FeatureStorage
        /// Exact: features, tokens and masks before compression.
        package let rawBytes: Int
        /// By a probe through the real writer.
        package let estimatedBytes: Int
        package let bytesPerToken: Double

        enum CodingKeys: String, CodingKey {
            case dtype, rawBytes = "raw_bytes", estimatedBytes = "estimated_bytes", bytesPerToken = "bytes_per_token"
        }
    }

    /// Rows of the input, unreadable ones included.
    package let input: Int
    package let written: Int
    package let skipped: [String: Int]
    package let failed: [String: Int]
    /// Names of rows that would be cut at the greatest length.
    package let cut: [String]
    /// Names of rows that would be left out, with the reason.
    package let leftOut: [String: String]
    /// Rows that fit the budget, where one was given.
    package let budgetRows: Int?
    package let tokens: Int
    package let lossTokens: Int
    /// The storage that was asked for.
    package let dtype: FeatureStorage
    package let sizes: [Size]
    package let probeTokens: Int
    /// Passes and writing together.
    package let tokensPerSecond: Double
    /// The part of the time that writing takes.
    package let writingShare: Double
    package let hours: Double
    /// The most that this process held while it probed.
    package let peakMemoryBytes: Int
    /// What a user should know, a line each.
    package let notes: [String]

    enum CodingKeys: String, CodingKey {
        case input, written, skipped, failed, cut, tokens, dtype, sizes, hours, notes
        case leftOut = "left_out", budgetRows = "budget_rows", lossTokens = "loss_tokens"
        case probeTokens = "probe_tokens", tokensPerSecond = "tokens_per_second", writingShare = "writing_share"
        case peakMemoryBytes = "peak_memory_bytes"
    }

    /// - Throws: `FileError` or `TokenizerError`, naming the file or the option.
    package init(_ options: GenerationOptions, pool: ThreadPool) throws {
        let input = try GenerationInput(options)
        let source = try FeatureSource(options, pool: pool)
        let survey = ConversationSurvey(input.dialogues.count, on: pool) { row throws(Rejection) in
            try input.conversation(row, options, source.encoder)
        }
        let probed = StorageProbe.choose(survey)
        let probe = try StorageProbe(probed, input, options, source: source, storages: FeatureStorage.allCases)
        let check = try FeatureCheck(survey, input, options, source: source, probe: probe, probed: probed)
        var rows = Array(survey.rows.indices)
        var notes = source.notes + input.notes + input.losses(source.encoder.dialogues)
        if let note = check.note { notes.append(note) }
        if let budget = options.budget {
            let choice = try BudgetChoice(budget, options, input, source)
            rows = choice.selection.rows
            budgetRows = rows.count
            notes.append(choice.note)
        } else {
            budgetRows = nil
        }

        var (skipped, failed) = (input.unreadable, [String: Int]())
        var (cut, leftOut) = ([String](), [String: String]())
        var (tokens, lossTokens, written) = (0, 0, 0)
        for row in rows {
            let id = input.dialogues[row].id
            switch check.refused[row].map(ConversationSurvey.Row.rejected) ?? survey.rows[row] {
            case .used(let length, let loss, let isTruncated):
                (tokens, lossTokens, written) = (tokens + length, lossTokens + loss, written + 1)
                if isTruncated { cut.append(id) }
            case .rejected(.skipped(let reason)):
                skipped[reason, default: 0] += 1
                leftOut[id] = reason
            case .rejected(.failed(let reason)):
                failed[reason, default: 0] += 1
                leftOut[id] = reason
            }
        }
        if rows.count < survey.rows.count { skipped["it does not fit the budget"] = survey.rows.count - rows.count }
        self.input = survey.rows.count + input.unreadable.values.reduce(0, +)
        (self.skipped, self.failed, self.cut, self.leftOut) = (skipped, failed, cut, leftOut)
        (self.tokens, self.lossTokens, self.written) = (tokens, lossTokens, written)
        self.notes = notes

        dtype = options.storage
        sizes = FeatureStorage.allCases.map { storage in
            let perToken = probe.bytesPerToken(storage)
            return Size(
                dtype: storage, rawBytes: tokens * source.description(storage).rawBytesPerToken,
                estimatedBytes: Int(perToken * Double(tokens)), bytesPerToken: perToken)
        }
        probeTokens = probe.tokens
        let writing = probe.shards[options.storage]?.seconds ?? 0
        let seconds = max(probe.forwardSeconds + writing, 1e-9)
        tokensPerSecond = Double(probe.tokens) / seconds
        writingShare = writing / seconds
        hours = tokensPerSecond > 0 ? Double(tokens) / tokensPerSecond / 3600 : 0
        peakMemoryBytes = ProcessMemory.peakByteCount
    }

    /// For a person, a line each.
    package var lines: [String] {
        let (skippedCount, failedCount) = (skipped.values.reduce(0, +), failed.values.reduce(0, +))
        var lines = [
            "\(written) written + \(skippedCount) skipped + \(failedCount) failed = \(counted(input, "conversation"))",
            "\(counted(tokens, "token")), \(lossTokens) of them the assistant's; "
                + "\(counted(cut.count, "conversation")) cut at the greatest "
                + "length" + GenerationPlan.examples(cut),
        ]
        for (title, reasons) in [("skipped", skipped), ("failed", failed)] {
            for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                let names = leftOut.filter { $0.value == reason }.map(\.key).sorted()
                lines.append("\(title) \(count): \(reason)" + GenerationPlan.examples(names))
            }
        }
        for size in sizes {
            let mark = size.dtype == dtype ? "*" : " "
            let ratio = Decimals.text(Double(size.rawBytes) / Double(max(1, size.estimatedBytes)), 2)
            lines.append(
                "\(mark) \(size.dtype.rawValue): \(size.rawBytes) bytes before compression, about "
                    + "\(ByteAmount(size.estimatedBytes)) on disk (\(Decimals.text(size.bytesPerToken, 1)) bytes per "
                    + "token, ratio \(ratio))")
        }
        lines.append(
            "about \(GenerationPlan.duration(hours)) at \(Int(tokensPerSecond)) tokens/s, of it "
                + "\(Decimals.text(writingShare * 100, 1)) % for writing; by a probe of "
                + counted(probeTokens, "token")
        )
        lines.append("peak memory \(ByteAmount(peakMemoryBytes))")
        return lines
    }

    private static func examples(_ names: [String]) -> String {
        guard !names.isEmpty else { return "" }
        let shown = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
        return " (\(shown)\(names.count > 3 ? ", ..." : ""))"
    }

    private static func duration(_ hours: Double) -> String {
        if hours >= 1 { return "\(Decimals.text(hours, 1)) hours" }
        if hours * 60 >= 1 { return "\(Decimals.text(hours * 60, 1)) minutes" }
        return "\(Decimals.text(hours * 3600, 1)) seconds"
    }
}

extension StorageProbe {
    /// Probes the beginnings of rows of the input, each of them usable.
    init(
        _ rows: [Int], _ input: GenerationInput, _ options: GenerationOptions, source: FeatureSource,
        storages: [FeatureStorage]
    ) throws {
        let rows = rows.compactMap { row in try? input.conversation(row, options, source.encoder) }
        try self.init(
            rows.map(StorageProbe.beginning), source: source, storages: storages, level: options.zstdLevel)
    }
}
