import FalconCommandSupport
import FalconDecoding
import FalconTensor

/// Shows answers as they come, each behind a heading with its question where there are several:
///
///     --- 81, turn 1 of 2
///     > What is 12 plus 7?
///     19
///
/// The answers' text is left as it is in files and pipes; on a terminal characters that it would obey are written out.
final class AnswerStream {
    private let isTerminal, inColour, hasHeadings: Bool
    private let write: (String) throws -> Void
    /// The turn whose heading was written last.
    private var current: (dialogue: String, turn: Int)?
    private var endsLine = true

    /// - Parameters:
    ///   - hasHeadings: whether there may be more than one answer.
    ///   - toStandardError: where standard output is taken by what a program reads.
    init(hasHeadings: Bool, toStandardError: Bool) {
        self.hasHeadings = hasHeadings
        isTerminal = toStandardError ? StandardError.isTerminal : StandardOutput.isTerminal
        inColour = isTerminal && TerminalColours.areWanted(isTerminal: isTerminal)
        write = toStandardError ? { StandardError.write($0) } : { try StandardOutput.write($0) }
    }

    /// Adds what came of an answer.
    func add(_ pieces: [AnswerPiece], _ dialogue: PromptDialogue, turn: Int) throws {
        if current?.turn != turn { try begin(dialogue, turn) }
        guard !pieces.isEmpty else { return }
        let text = pieces.map { inColour ? $0.terminalText : isTerminal ? $0.visibleText : $0.text }.joined()
        if let last = pieces.last(where: { !$0.text.isEmpty })?.text { endsLine = last.hasSuffix("\n") }
        try write(text)
    }

    /// Ends a dialogue's last answer.
    func end() throws {
        guard current != nil else { return }
        current = nil
        try write(endsLine ? "\n" : "\n\n")
        endsLine = true
    }

    private func begin(_ dialogue: PromptDialogue, _ turn: Int) throws {
        try end()
        current = (dialogue.id, turn)
        guard hasHeadings else {
            endsLine = false
            return
        }
        let id = VisibleText.shown(dialogue.id, keepsLines: false)
        var heading = "--- \(id), turn \(turn + 1) of \(dialogue.turns.count)\n"
        for line in dialogue.turns[turn].split(separator: "\n", omittingEmptySubsequences: false) {
            heading += "> " + VisibleText.shown(String(line), keepsLines: false) + "\n"
        }
        try write(heading)
    }
}
