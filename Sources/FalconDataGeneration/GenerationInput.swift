import FalconDecoding
import FalconDigest
import FalconJSON
import FalconShards
import FalconTensor
import FalconTokenizer

/// The dialogues of a data set that a run is asked for, and what is known of them before any is run through a model.
struct GenerationInput {
    /// Those of the range, in the data set's order.
    let dialogues: [Dialogue]
    /// Numbers of the dialogues that say the same, word for word, as an earlier one.
    let repeats: Set<Int>
    /// Rows that belong to the input and are no dialogues, counted by reason.
    let unreadable: [String: Int]
    /// The range of the data set's dialogues.
    let range: Range<Int>
    /// SHA-256 of the unpacked file.
    let digest: String
    /// What a user should know, a line each.
    let notes: [String]

    /// - Parameter content: of the data set, where it is no file that a user gave.
    /// - Throws: `FileError` or `TokenizerError` where the file cannot be read or holds no dialogue of the range.
    init(_ options: GenerationOptions, content: [UInt8]? = nil) throws {
        let content = try content ?? DatasetFile.bytes(of: options.dataset)
        let dataset = try ChatDataset.rows(content, path: options.dataset)
        range = options.range?.range(in: dataset.dialogues.count) ?? 0..<dataset.dialogues.count
        guard !range.isEmpty else {
            let problem = dataset.problems.first.map { "; \($0)" } ?? ""
            throw FileError(
                options.dataset, "has \(dataset.dialogues.count) readable conversations, none in the range\(problem)")
        }
        dialogues = Array(dataset.dialogues[range])
        repeats = GenerationInput.repeats(dialogues)
        digest = SHA256Digest.hexadecimal(of: content)
        // With a range, rows that are no conversations belong to nobody's input.
        var unreadable: [String: Int] = [:]
        if options.range == nil {
            for problem in dataset.problems { unreadable["its row cannot be read: \(problem.kind)", default: 0] += 1 }
        }
        self.unreadable = unreadable

        let shown = 5
        var notes = dataset.problems.prefix(shown).map { "\(options.dataset): \($0)" }
        if dataset.problems.count > shown {
            notes.append("and \(counted(dataset.problems.count - shown, "more row", "more rows")) that cannot be read")
        }
        if let first = repeats.min() {
            let outcome = options.dropsDuplicates ? "left out" : "kept; --drop-duplicates leaves them out"
            notes.append(
                counted(repeats.count, "dialogue repeats", "dialogues repeat")
                    + " an earlier one word for word, '\(dialogues[first].id)' the first of them: \(outcome)")
        }
        self.notes = notes + dataset.notes(of: dialogues)
    }

    /// What the dialogues say and their template does not write, a line each.
    ///
    /// - Parameter isAnswered: whether the target answers the dialogues itself.
    func losses(_ encoder: DialogueEncoder, isAnswered: Bool = false) -> [String] {
        var remarks = RowRemarks()
        for dialogue in dialogues {
            remarks.add(encoder.remarks(on: dialogue), of: dialogue.id)
            if isAnswered, (try? PromptDialogue(dialogue))?.endsAtCall == true {
                remarks.add([.answeredToCall], of: dialogue.id)
            }
        }
        return remarks.lines
    }

    private static func repeats(_ dialogues: [Dialogue]) -> Set<Int> {
        var known: Set<String> = []
        var repeats: Set<Int> = []
        for (index, dialogue) in dialogues.enumerated() {
            var digest = SHA256Digest()
            for message in dialogue.messages {
                digest.update(Array("\(message.isLearned) \(JSONValue.object(message.fields).text())".utf8))
            }
            digest.update(Array(JSONValue.object(dialogue.variables).text().utf8))
            if let tokens = dialogue.tokenized {
                digest.update(Array("tokens \(tokens.ids) \(tokens.lossMask)".utf8))
            }
            if !known.insert(digest.hexadecimal()).inserted { repeats.insert(index) }
        }
        return repeats
    }
}
