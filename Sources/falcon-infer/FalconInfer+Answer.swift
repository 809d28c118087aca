import FalconCommandSupport
import FalconDecoding
import FalconDraft
import FalconModels
import FalconTensor
import FalconTokenizer
import Foundation

/// Decoding prompts.
extension FalconInfer {
    func answer() throws {
        let interruption = Interruption()
        let start = systemSeconds()
        let pool = common.makePool()
        let model = try TargetModel(folder: target, arithmetic: precision, pool: pool)
        let tokenizer = try Tokenizer(folder: target)
        let chat = try ChatTemplate.select(template, folder: target)
        let dialogues = try readDialogues()
        let plain = PlainDecoder(target: model, sampling: sampling.rule, pool: pool)
        let drafting = try draft.map { folder in
            let head = try DraftHead(
                folder: folder, target: model, fusion: fusion, arithmetic: draftPrecision,
                allowsOtherTarget: allowOtherTarget, pool: pool)
            return try SpeculativeDecoder(
                target: model, head: head, shape: .select(tree, blockSize: head.blockSize), sampling: sampling.rule,
                pool: pool)
        }
        let loadSeconds = systemSeconds() - start

        let ends = AnswerEnds(
            configured: model.configuration.eosTokens, template: chat.template, tokenizer: tokenizer)
        ends.notes.forEach(note)
        let stop = StopRule(endTokens: ends.tokens, maximumTokens: maxNewTokens)
        let runner = DialogueRunner(
            tokenizer: tokenizer, template: chat.template, decoder: drafting ?? plain,
            baseline: baseline ? plain : nil, stop: stop)
        let progress = ProgressReporter(
            total: dialogues.count, unit: "dialogues", quiet: common.quiet || stream || prompt != nil)
        try runner.warmUp(dialogues[0])
        let cleaning = draft == nil ? nil : TokenTree.cleaning(tree)
        if let cleaning { note(cleaning) }
        if let drafting {
            try rehearse(drafting, runner.prompts(of: dialogues, count: 8), stop: stop, interruption: interruption)
        }
        let inColour = TerminalColours.areWanted()
        var answered: [AnsweredDialogue] = []
        var tokens = 0
        for dialogue in dialogues {
            let answer = try runner.answer(dialogue) { turn, pieces in
                try interruption.check()
                guard stream else { return }
                let text = pieces.map { inColour ? $0.terminalText : $0.text }.joined()
                FileHandle.standardOutput.write(Data(text.utf8))
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

        let report = DecodingReport(
            answered, tree: drafting?.shape.tree, planner: drafting?.shape.planner, sampling: sampling.rule,
            loadSeconds: loadSeconds, peakMemoryBytes: ProcessMemory.peakByteCount)
        // First what needs no file: a disk that is full by now takes nothing away from it.
        if output.json != "-" {
            if prompt != nil, !stream { print(answered.flatMap(\.turns).map(\.text).joined(separator: "\n") + "\n") }
            print(report.table)
        }
        try output.write(
            report, answered, model: draft.map { "\(target)+\($0)" } ?? target, tree: drafting?.tree,
            tokenizer: tokenizer, notes: [cleaning].compactMap(\.self)
        ) {
            RunFacts(
                command: CommandLine.arguments, target: (target, model.ends), draft: draft,
                input: dataset ?? "one question", threads: pool.threadCount)
        }
    }

    private func readDialogues() throws -> [PromptDialogue] {
        if let prompt { return [PromptDialogue(prompt: prompt)] }
        let (dialogues, problems) = try PromptDialogue.read(QuestionFile.path(dataset ?? ""), limit: limit)
        for problem in problems.prefix(5) { note(problem) }
        if problems.count > 5 { note("and \(problems.count - 5) more rows were left out") }
        return dialogues
    }
}
