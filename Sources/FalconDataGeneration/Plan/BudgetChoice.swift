import FalconShards
import FalconTensor

/// The rows that fit a budget, and what the manifest says about the choice.
struct BudgetChoice {
    let selection: RowSelection
    let settings: [String: String]
    let note: String

    private static let (budgetKey, measureKey) = ("budget_bytes", "budget_bytes_per_token")

    /// Measures what a token takes, or takes the measure of the process that began the folder.
    ///
    /// - Throws: `FileError` where nothing fits.
    init(
        _ budget: ByteAmount, _ options: GenerationOptions, _ input: GenerationInput, _ source: FeatureSource
    ) throws {
        let survey = ConversationSurvey(input.dialogues.count, on: source.pool) { row throws(Rejection) in
            try input.conversation(row, options, source.encoder)
        }
        let earlier = try? ShardManifest(folder: options.output).settings
        let measured: Double
        if let earlier, earlier[BudgetChoice.budgetKey] == "\(budget.bytes)",
            let stored = earlier[BudgetChoice.measureKey].flatMap(Double.init)
        {
            measured = stored
        } else {
            let probe = try StorageProbe(
                StorageProbe.choose(survey), input, options, source: source, storages: [options.storage])
            // Few digits say enough, and are read back as they were written.
            measured = (probe.bytesPerToken(options.storage) * 1000).rounded() / 1000
        }
        do throws(Rejection) {
            selection = try RowSelection(
                survey, budget: budget.bytes, bytesPerToken: measured, rowsPerShard: options.conversationsPerShard)
        } catch {
            throw FileError(
                options.output, "the budget of \(budget) is too small for any conversation; give a larger --budget")
        }
        settings = [
            BudgetChoice.budgetKey: "\(budget.bytes)", BudgetChoice.measureKey: "\(measured)",
            "budget_rows": "\(selection.rows.count) of \(survey.rows.count)",
        ]
        note =
            "budget \(budget): \(selection.rows.count) of \(counted(survey.rows.count, "conversation")), drawn evenly "
            + "from the input, at \(Decimals.text(measured, 1)) bytes per token"
    }
}
