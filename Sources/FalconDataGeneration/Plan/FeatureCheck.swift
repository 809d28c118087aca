import FalconShards
import FalconTensor
import Foundation

/// Which conversations a run would leave out because their features cannot be stored (beyond float16, not finite).
///
/// Only the target's own passes tell, so small inputs are run whole, and of large ones the probe's part.
struct FeatureCheck {
    /// Reasons by row.
    let refused: [Int: Rejection]
    /// A line about rows that were not run, where some of those that were are refused; `nil` otherwise.
    let note: String?

    /// Inputs up to this many tokens are run whole.
    static let mostTokens = 1 << 14

    /// - Parameter probe: what the probe's writers made of its rows.
    /// - Throws: `FileError` where the temporary folder cannot be written to.
    init(
        _ survey: ConversationSurvey, _ input: GenerationInput, _ options: GenerationOptions, source: FeatureSource,
        probe: StorageProbe, probed: [Int]
    ) throws {
        let used = survey.rows.indices.filter { survey.rows[$0].tokens > 0 }
        guard survey.tokens <= FeatureCheck.mostTokens else {
            let problems = probe.refused[options.storage] ?? [:]
            refused = Dictionary(uniqueKeysWithValues: problems.map { (probed[$0.key], .failed($0.value)) })
            let others = Double(used.count - probed.count)
            note =
                refused.isEmpty
                ? nil
                : "\(refused.count) of \(probed.count) conversations that were tried fail: of the others the run may "
                    + "leave out about \(Int((others * Double(refused.count) / Double(probed.count)).rounded())) more"
            return
        }
        let conversations = used.compactMap { row in
            (try? input.conversation(row, options, source.encoder)).map { (row: row, conversation: $0) }
        }
        let whole = try StorageProbe(
            conversations.map(\.conversation), source: source, storages: [options.storage], level: options.zstdLevel)
        let problems = whole.refused[options.storage] ?? [:]
        refused = Dictionary(uniqueKeysWithValues: problems.map { (conversations[$0.key].row, .failed($0.value)) })
        note = nil
    }
}
