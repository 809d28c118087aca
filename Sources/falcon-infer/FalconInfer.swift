import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconDraft
import FalconModels
import FalconTensor
import FalconTokenizer
import Foundation

/// Answers prompts with a target model, speculatively where a draft head is given.
struct FalconInfer: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-infer",
        abstract: "Answer prompts, drafting with a Falcon head, and measure what it brings.",
        discussion: """
            Greedy output is the target's own text, token for token, and sampled output has its own distribution;
            a draft head only makes it come faster.

            Example:
              falcon-infer --target Models/chat --draft Models/chat-draft --dataset question.jsonl \\
                --limit 40 --baseline --json report.json
            """,
        version: falconVersion)

    @Option(help: "Folder of the target model (config.json, tokenizer.json, weights).")
    var target: String

    @Option(help: "Folder of the draft head; plain decoding where it is left out.")
    var draft: String?

    @Option(help: "How the head fuses its inputs (gated, lstm, linear), where its config.json does not say it.")
    var fusion: FusionKind?

    @Option(help: "One question.")
    var prompt: String?

    @Option(help: "A question file or chat dataset (.json, .jsonl); its user messages are asked.")
    var dataset: String?

    @Option(help: "The most dialogues to take from the dataset.")
    var limit: Int?

    @Option(help: "Draft tree: \(TokenTree.names.joined(separator: ", ")), chain:D, or a file ending in .toml.")
    var tree = TokenTree.Size.medium.rawValue

    @Option(help: "Chat template: auto, \(ChatTemplate.Style.allCases.map(\.rawValue).joined(separator: ", ")).")
    var template = "auto"

    @Option(help: "The most tokens of an answer.")
    var maxNewTokens = 512

    @OptionGroup var sampling: SamplingOptions

    @Flag(help: "Decode each prompt plainly too; count tokens that differ and compare speeds.")
    var baseline = false

    @Flag(help: "Print the answers as they come.")
    var stream = false

    @Option(help: "Write the answers to this file, in FastChat's layout.")
    var answers: String?

    @Option(help: "Write the figures to this file as JSON; - prints them instead of text and table.")
    var json: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (prompt == nil) != (dataset == nil) else {
            throw ValidationError("Give either --prompt TEXT or --dataset FILE.")
        }
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): give 1 or more.") }
        if maxNewTokens < 1 { throw ValidationError("--max-new-tokens \(maxNewTokens): give 1 or more.") }
        if fusion != nil && draft == nil { throw ValidationError("--fusion is for a head given with --draft.") }
    }

    func run() throws {
        let interruption = Interruption()
        let start = systemSeconds()
        let pool = common.makePool()
        let model = try TargetModel(folder: target, pool: pool)
        let tokenizer = try Tokenizer(folder: target)
        let chat = try ChatTemplate.select(template, folder: target)
        let dialogues = try readDialogues()
        let plain = PlainDecoder(target: model, sampling: sampling.rule, pool: pool)
        let drafting = try draft.map { folder in
            let head = try DraftHead(folder: folder, target: model, fusion: fusion, pool: pool)
            let tree = try TokenTree.select(tree, blockSize: head.blockSize)
            let decoder = SpeculativeDecoder(target: model, head: head, tree: tree, sampling: sampling.rule, pool: pool)
            return (tree: tree, decoder: decoder)
        }
        let loadSeconds = systemSeconds() - start

        let runner = DialogueRunner(
            tokenizer: tokenizer, template: chat.template, decoder: drafting?.decoder ?? plain,
            baseline: baseline ? plain : nil,
            stop: StopRule(endTokens: model.configuration.eosTokens, maximumTokens: maxNewTokens))
        let progress = ProgressReporter(
            total: dialogues.count, unit: "dialogues", quiet: common.quiet || stream || prompt != nil)
        try runner.warmUp(dialogues[0])
        var answered: [AnsweredDialogue] = []
        var tokens = 0
        for dialogue in dialogues {
            let answer = try runner.answer(dialogue) { turn, text in
                try interruption.check()
                if stream { FileHandle.standardOutput.write(Data(text.utf8)) }
            }
            if stream { print("\n") }
            if let problem = answer.problem {
                guard prompt == nil else { throw problem }
                note("\(dialogue.id), turn \(answer.turns.count + 1): \(problem); left out")
            }
            answered.append(answer)
            tokens += answer.turns.reduce(0) { $0 + $1.decoded.tokens.count }
            progress.update(answered.count, tokens: tokens)
        }
        progress.finish()
        try report(answered, tree: drafting?.tree, loadSeconds: loadSeconds)
    }

    private func readDialogues() throws -> [PromptDialogue] {
        if let prompt { return [PromptDialogue(prompt: prompt)] }
        let (dialogues, problems) = try PromptDialogue.read(dataset ?? "", limit: limit)
        for problem in problems.prefix(5) { note(problem) }
        if problems.count > 5 { note("and \(problems.count - 5) more rows were left out") }
        return dialogues
    }

    private func report(_ answered: [AnsweredDialogue], tree: TokenTree?, loadSeconds: Double) throws {
        if let answers {
            let name = draft.map { "\(target)+\($0)" } ?? target
            try AnswerFile.write(answered, model: name, to: answers)
        }
        let report = DecodingReport(
            answered, tree: tree, sampling: sampling.rule, loadSeconds: loadSeconds,
            peakMemoryBytes: ProcessMemory.peakByteCount)
        if let json { try JSONOutput.write(report, to: json) }
        guard json != "-" else { return }
        if prompt != nil, !stream { print(answered.flatMap(\.turns).map(\.text).joined(separator: "\n") + "\n") }
        print(report.table)
    }

    private func note(_ line: String) {
        if !common.quiet { StandardError.print(line) }
    }
}

extension FusionKind: ExpressibleByArgument {}
