import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconTensor
import FalconTokenizer
import Foundation

struct InspectMasks: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "masks",
        abstract: "Shows which tokens of a chat the loss counts, and checks the masks of a whole dataset.",
        discussion: """
            Example: falcon-inspect masks --target models/llama --dataset chats.json --index 3

            The assistant's tokens are green, or in ⟦ ⟧ where the output is not a terminal.
            """)

    @Option(help: "The target model's folder.")
    var target: String

    @Option(help: "The chats.")
    var dataset: String

    @Option(help: "The dialogue to show, from 0; without it the whole dataset is checked.")
    var index: Int?

    @Option(help: "The chat template: auto, chatml, llama2, llama3 or vicuna.")
    var template = "auto"

    @Option(help: "k of the draft head: position i learns from token i + k + 1.")
    var blockSize = 2

    @OptionGroup var common: CommonOptions

    func run() throws {
        let tokenizer = try Tokenizer(folder: target)
        let (template, reason) = try ChatTemplate.select(template, folder: target)
        if !common.quiet { StandardError.print("template \(reason)") }
        let (dialogues, problems) = try ChatDataset.read(dataset)
        if let index {
            guard dialogues.indices.contains(index) else {
                throw FileError(dataset, "has dialogues 0 to \(dialogues.count - 1); there is no \(index)")
            }
            try show(
                MaskInspection(dialogues[index], template: template, tokenizer: tokenizer, blockSize: blockSize))
        } else {
            try check(dialogues, problems, template, tokenizer)
        }
    }

    private func show(_ mask: MaskInspection) throws {
        print(mask.text(withColours: isatty(STDOUT_FILENO) == 1))
        for line in FactTable.lines([
            ("dialogue", mask.id), ("tokens", "\(mask.tokens.count)"),
            ("assistant's", "\(mask.lossMask.count { $0 == 1 })"),
            ("positions that count for k = \(blockSize)", "\(mask.countedPositions)"),
        ]) { print(line) }
        for finding in mask.findings { print(finding.line) }
        try ProblemsFound.check(mask.findings, path: dataset)
    }

    private func check(
        _ dialogues: [Dialogue], _ unread: [String], _ template: ChatTemplate, _ tokenizer: Tokenizer
    ) throws {
        var (tokens, counted) = (0, 0)
        var findings = unread.map { Finding.problem($0) }
        for dialogue in dialogues {
            do {
                let mask = try MaskInspection(
                    dialogue, template: template, tokenizer: tokenizer, blockSize: blockSize)
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
        ]) { print(line) }
        for finding in findings where finding.severity == .problem { print(finding.line) }
        try ProblemsFound.check(findings, path: dataset)
    }
}
