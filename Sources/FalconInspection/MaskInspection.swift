import FalconTensor
import FalconTokenizer

/// The loss mask of a dialogue: which tokens the assistant says, and where a draft head learns from them.
///
/// A position i of a head with blocks of k predicts token i + k + 1, so it counts in the loss where that token is the
/// assistant's: the mask moves k + 1 places to the left.
package struct MaskInspection: Sendable, Encodable {
    package let id: String
    package let tokens: [Int32]
    /// 1 on the assistant's tokens, end of turn included.
    package let lossMask: [UInt8]
    /// Positions that count in the loss.
    package let countedPositions: Int
    package let findings: [Finding]
    private let pieces: [String]

    /// What is shown is what `falcon-gen-data` trains on, a row's own tokens included.
    ///
    /// - Parameter maxLength: tokens beyond this many are cut off.
    /// - Throws: `DialogueRefusal` where the template has no form for the dialogue.
    package init(
        _ dialogue: Dialogue, template: ChatTemplate, tokenizer: Tokenizer, blockSize: Int, maxLength: Int = .max
    ) throws {
        let encoder = DialogueEncoder(template, tokenizer)
        let encoded = try encoder.encode(dialogue)
        let (ids, mask) = (Array(encoded.ids.prefix(maxLength)), Array(encoded.lossMask.prefix(maxLength)))
        id = dialogue.id
        tokens = ids
        lossMask = mask
        pieces = ids.map { tokenizer.decode([$0], skippingSpecial: false) }
        countedPositions = (0..<ids.count).count { position in
            let predicted = position + blockSize + 1
            return predicted < ids.count && mask[predicted] == 1
        }
        var findings: [Finding] = (dialogue.remarks + encoder.remarks(on: dialogue)).map { .note($0.words) }
        if ids.count < encoded.ids.count {
            findings.append(.note("cut at \(maxLength) of its \(encoded.ids.count) tokens"))
        } else if dialogue.tokenized == nil {
            findings += MaskInspection.ends(encoded, template)
        }
        findings += MaskInspection.findings(ids, mask, dialogue, tokenizer, counted: countedPositions)
        self.findings = findings
    }

    /// Whether each answer that counts ends with the end of turn.
    private static func ends(_ encoded: EncodedDialogue, _ template: ChatTemplate) -> [Finding] {
        guard encoded.unendedAnswers > 0 else { return [] }
        let end = template.endOfTurn.map { "\($0.debugDescription) or another special token" } ?? "a special token"
        return [
            .problem("\(encoded.unendedAnswers) of \(encoded.learnedAnswers) answers do not end with \(end)")
        ]
    }

    private static func findings(
        _ ids: [Int32], _ mask: [UInt8], _ dialogue: Dialogue, _ tokenizer: Tokenizer, counted: Int
    ) -> [Finding] {
        var findings: [Finding] = []
        let answers = dialogue.messages.filter { $0.role == .assistant }
        if answers.isEmpty, dialogue.tokenized == nil {
            findings.append(.problem("no message of the assistant: nothing to learn from"))
        }
        if !mask.contains(1) { findings.append(.problem("no token counts: the mask is zero everywhere")) }
        if mask.contains(1), counted == 0 {
            findings.append(.problem("no position counts: the answers start too early for this block size"))
        }
        for answer in answers where answer.content.first?.isWhitespace == true {
            findings.append(.note("an answer begins with white space, which a model rarely writes"))
            break
        }
        if ids.count > 1, ids[0] == ids[1], tokenizer.isSpecial(ids[0]) {
            findings.append(.problem("begins with two beginning-of-text tokens: template and tokenizer each add one"))
        }
        return findings
    }

    /// The relaxed causal mask over the first tokens, each beside its row.
    ///
    /// - Parameter length: how many; all where there are fewer.
    package func relaxedMask(blockSize: Int, length: Int) -> [String] {
        let labels = pieces.prefix(length).enumerated().map { index, piece in
            (lossMask[index] == 1 ? "* " : "  ") + String(piece.debugDescription.dropFirst().dropLast())
        }
        return MaskDrawing.lines(blockSize: blockSize, length: labels.count, labels: labels)
    }

    /// The text, token by token; the assistant's tokens are in ⟦ ⟧, or on a terminal green, where characters
    /// that it would obey are written out.
    package func text(forTerminal: Bool) -> String {
        let (open, close) = forTerminal ? ("\u{1B}[32m", "\u{1B}[0m") : ("⟦", "⟧")
        var text = ""
        for (index, piece) in pieces.enumerated() {
            let isCounted = lossMask[index] == 1
            if isCounted, index == 0 || lossMask[index - 1] == 0 { text += open }
            text += forTerminal ? VisibleText.shown(piece, keepsLines: true) : piece
            if isCounted, index + 1 == pieces.count || lossMask[index + 1] == 0 { text += close }
        }
        return text
    }

    enum CodingKeys: String, CodingKey {
        case id, tokens, findings
        case lossMask = "loss_mask", countedPositions = "counted_positions"
    }
}
