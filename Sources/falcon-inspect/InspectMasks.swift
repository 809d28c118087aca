import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconInspection
import FalconModels
import FalconTensor
import FalconTokenizer
import FalconWeights
import Foundation

struct InspectMasks: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "masks",
        abstract: "Shows which tokens of a chat the loss counts, what a draft head sees, and checks whole datasets.",
        discussion: """
            Examples:
              falcon-inspect masks --target models/llama --dataset chats.json --index 3 --length 40
              falcon-inspect masks --block-size 4 --length 12

            The assistant's tokens are green, or in ⟦ ⟧ where the output is not a terminal. With --length the
            relaxed causal mask is drawn: which positions each one sees, in its own block (▣) and before (■).
            """)

    @Option(help: "The target model's folder.")
    var target: String?

    @Option(help: "The chats.")
    var dataset: String?

    @Option(help: "The dialogue to show, from 0; without it the whole dataset is checked.")
    var index: Int?

    @OptionGroup(title: "Template")
    var template: TemplateOptions

    @Option(help: "k of the draft head: position i learns from token i + k + 1.")
    var blockSize = 2

    @Option(help: "Draw the relaxed causal mask of so many positions, beside the dialogue's tokens where one is shown.")
    var length: Int?

    @Option(help: "Tokens of a dialogue beyond this many, or beyond the target's positions, are cut off.")
    var maxLength = 2048

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard maxLength >= 2 else { throw ValidationError("--max-length \(maxLength): give 2 or more.") }
        guard (target == nil) == (dataset == nil), target != nil || length != nil else {
            throw ValidationError("Give --target and --dataset, or --length alone.")
        }
        if target == nil {
            try OptionEffect.refuse(
                [("--index", index != nil), ("--template", template.isGiven)],
                because: "is for a dialogue; give --target and --dataset, too.")
        }
        guard blockSize >= 1, (1...2048).contains(length ?? 1) else {
            throw ValidationError("--block-size: give 1 or more; --length: give 1 to 2048.")
        }
        guard length == nil || target == nil || index != nil else {
            throw ValidationError("--length draws the mask of one dialogue: give its --index, too.")
        }
    }

    func run() throws {
        guard let target, let dataset else {
            for line in MaskDrawing.lines(blockSize: blockSize, length: length ?? 0) { try StandardOutput.print(line) }
            return
        }
        let source = try ModelSource(path: target, needsModel: false)
        let tokenizer = try source.tokenizer()
        let template = try source.template(template.choice)
        if !common.quiet { StandardError.print("template: \(template.origin)") }
        let reading = try DatasetFile.read(dataset)
        let (dialogues, problems) = (reading.dialogues, reading.problems.map(\.description))
        let limit = min(maxLength, (try? ModelSource(path: target).parts())?.configuration.positionLimit ?? .max)
        if let index {
            guard dialogues.indices.contains(index) else {
                throw FileError(dataset, "has dialogues 0 to \(dialogues.count - 1); there is no \(index)")
            }
            try show(
                MaskInspection(
                    dialogues[index], template: template, tokenizer: tokenizer, blockSize: blockSize, maxLength: limit),
                of: dataset)
        } else {
            let encoder = DialogueEncoder(template, tokenizer)
            var losses = RowRemarks()
            for dialogue in dialogues { losses.add(encoder.remarks(on: dialogue), of: dialogue.id) }
            for line in reading.notes(of: dialogues) + losses.lines {
                try StandardOutput.print(Finding.note(line).line)
            }
            try check(dialogues, problems, template, tokenizer, limit, of: dataset)
        }
    }

    private func show(_ mask: MaskInspection, of dataset: String) throws {
        try StandardOutput.write(mask.text(forTerminal: StandardOutput.isTerminal) + "\n")
        if let length {
            for line in mask.relaxedMask(blockSize: blockSize, length: length) { try StandardOutput.print(line) }
        }
        for line in FactTable.lines([
            ("dialogue", mask.id), ("tokens", "\(mask.tokens.count)"),
            ("assistant's", "\(mask.lossMask.count { $0 == 1 })"),
            ("positions that count for k = \(blockSize)", "\(mask.countedPositions)"),
        ]) { try StandardOutput.print(line) }
        for finding in mask.findings { try StandardOutput.print(finding.line) }
        try ProblemsFound.check(mask.findings, path: dataset)
    }

    private func check(
        _ dialogues: [Dialogue], _ unread: [String], _ template: ChatTemplate, _ tokenizer: Tokenizer, _ limit: Int,
        of dataset: String
    ) throws {
        var (tokens, counted) = (0, 0)
        var findings = unread.map { Finding.problem($0) }
        for dialogue in dialogues {
            do {
                let mask = try MaskInspection(
                    dialogue, template: template, tokenizer: tokenizer, blockSize: blockSize, maxLength: limit)
                tokens += mask.tokens.count
                counted += mask.lossMask.count { $0 == 1 }
                findings += mask.findings.map {
                    Finding(severity: $0.severity, text: "dialogue \(dialogue.id): \($0.text)")
                }
            } catch {
                findings.append(.problem("dialogue \(dialogue.id): \(error)"))
            }
        }
        for line in FactTable.lines([
            ("dialogues", "\(dialogues.count)"), ("tokens", "\(tokens)"), ("assistant's", "\(counted)"),
        ]) { try StandardOutput.print(line) }
        for finding in findings where finding.severity == .problem { try StandardOutput.print(finding.line) }
        try ProblemsFound.check(findings, path: dataset)
    }
}
