import FalconDecoding
import FalconDigest
import FalconTensor
import FalconTokenizer
import Foundation

/// The tokenizer and the tokens that a target is pretrained with.
struct PretrainingData {
    let tokenizer: Tokenizer
    /// The folder that holds its `tokenizer.json`.
    let tokenizerFolder: String
    let training: TokenRows
    /// Without rows where the recipe names no validation dataset.
    let validation: TokenRows
    /// SHA-256 of the datasets and the tokenizer, so that a run is not resumed with others.
    let fingerprints: [String: String]

    /// Reads the datasets, learning the tokenizer first where the recipe names none.
    ///
    /// - Parameters:
    ///   - folder: the run's; a learned tokenizer is kept in `tokenizer/` there and taken again on resuming.
    /// - Throws: `FileError`, or the reader's own error, in one line.
    init(_ recipe: PretrainSection, model: ModelSection, folder: String, log: (String) -> Void) throws {
        let vocabulary = model.vocabulary
        let dialogues = try PretrainingData.dialogues(recipe.dataset, log: log)
        if recipe.tokenizer.isEmpty {
            tokenizerFolder = folder + "/tokenizer"
            try PretrainingData.learnTokenizer(
                dialogues, vocabulary: vocabulary, maxPositions: model.maxPositions, folder: tokenizerFolder, log: log)
        } else {
            tokenizerFolder = recipe.tokenizer
        }
        let tokenizer = try Tokenizer(folder: tokenizerFolder)
        guard tokenizer.vocabularySize <= vocabulary else {
            throw FileError(
                tokenizerFolder,
                "has \(tokenizer.vocabularySize) tokens; set model.vocabulary, which is \(vocabulary), to at least that"
            )
        }
        for mark in ChatMarks.all where tokenizer.id(of: mark) == nil {
            throw FileError(tokenizerFolder, "has no token \(mark), which ChatML needs; choose another tokenizer")
        }
        self.tokenizer = tokenizer
        training = try PretrainingData.rows(dialogues, tokenizer, recipe)
        guard !training.rows.isEmpty else {
            throw FileError(
                recipe.dataset,
                "holds nothing to train on: no dialogue has two tokens"
                    + (recipe.lossOn == .assistant ? ", or an answer that pretrain.row_length does not cut off" : ""))
        }
        var fingerprints = [
            "dataset": try SHA256Digest.hexadecimal(ofFile: recipe.dataset), "tokenizer": tokenizer.fingerprint,
        ]
        if recipe.validationDataset.isEmpty {
            validation = TokenRows([], rowLength: recipe.rowLength)
        } else {
            let heldOut = try PretrainingData.dialogues(recipe.validationDataset, log: log)
            validation = try PretrainingData.rows(heldOut, tokenizer, recipe)
            fingerprints["validation dataset"] = try SHA256Digest.hexadecimal(ofFile: recipe.validationDataset)
        }
        self.fingerprints = fingerprints
        log(
            "\(counted(training.rows.count, "dialogue")), \(counted(training.tokenCount, "token")) an epoch; "
                + "\(validation.rows.count) held out"
        )
    }

    private static func dialogues(_ path: String, log: (String) -> Void) throws -> [Dialogue] {
        let reading = try DatasetFile.read(path)
        let (dialogues, problems) = (reading.dialogues, reading.problems)
        for problem in problems.prefix(5) { log(problem.description) }
        if problems.count > 5 { log("\(path): \(problems.count - 5) more left out") }
        guard !dialogues.isEmpty else { throw FileError(path, "holds no dialogue") }
        for note in reading.notes(of: dialogues) { log("\(path): \(note)") }
        return dialogues
    }

    private static func learnTokenizer(
        _ dialogues: [Dialogue], vocabulary: Int, maxPositions: Int, folder: String, log: (String) -> Void
    ) throws {
        // Written last: with it, both files are there.
        guard !FileManager.default.fileExists(atPath: folder + "/tokenizer_config.json") else { return }
        log("learning \(vocabulary) byte pairs")
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw FileError(folder, "cannot be made: \(error.localizedDescription)")
        }
        try BytePairTrainer.writeChatTokenizer(
            to: folder, texts: dialogues.flatMap { $0.messages.map(\.content) }, vocabularySize: vocabulary,
            maximumLength: maxPositions)
    }

    private static func rows(
        _ dialogues: [Dialogue], _ tokenizer: Tokenizer, _ recipe: PretrainSection
    ) throws -> TokenRows {
        let encoder = DialogueEncoder(try ChatTemplate.style("chatml"), tokenizer)
        let rows = try dialogues.map { dialogue in
            let encoded = try encoder.encode(dialogue)
            let counts: [Bool] =
                switch recipe.lossOn {
                case .all: [Bool](repeating: true, count: encoded.ids.count)
                case .assistant: encoded.lossMask.map { $0 != 0 }
                }
            return TokenRows.Row(id: dialogue.id, tokens: encoded.ids, counts: counts)
        }
        return TokenRows(rows, rowLength: recipe.rowLength)
    }
}
