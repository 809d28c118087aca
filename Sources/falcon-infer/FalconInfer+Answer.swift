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
        let source = try ModelSource(path: target, hasTime: true)
        let model = try TargetModel(source, arithmetic: precision, pool: pool)
        let tokenizer = try source.tokenizer()
        let chat = try source.template(template.choice)
        note("template: \(chat.origin)")
        let dialogues = try readDialogues()
        let plain = PlainDecoder(target: model, sampling: sampling.rule, pool: pool)
        let head = try headFolder.map { folder in
            try DraftHead(
                folder: folder, target: model, fusion: fusion, arithmetic: draftPrecision,
                allowsOtherTarget: allowOtherTarget, pool: pool)
        }
        let drafting = try head.map { head in
            try SpeculativeDecoder(
                target: model, head: head, shape: .select(treeName, blockSize: head.blockSize), addsLookup: lookup,
                sampling: sampling.rule, pool: pool)
        }
        let copying = (draftsByLookup ? LookupPlanner.select(treeName) : nil).map {
            LookupDecoder(target: model, planner: $0, sampling: sampling.rule, pool: pool)
        }
        let loadSeconds = systemSeconds() - start

        let ends = AnswerEnds(
            configured: model.configuration.eosTokens, template: chat, tokenizer: tokenizer)
        ends.notes.forEach(note)
        let stop = stopRule(ends, tokenizer)
        let decoder = drafting as (any TextDecoder)? ?? copying as (any TextDecoder)? ?? plain
        let runner = DialogueRunner(
            tokenizer: tokenizer, template: chat, decoder: decoder,
            baseline: baseline ? plain : nil, stop: stop, context: model.configuration.positionLimit)
        let answers =
            stream && (output.showsText || !common.quiet)
            ? AnswerStream(hasHeadings: dataset != nil, toStandardError: !output.showsText) : nil
        let progress = ProgressReporter(
            total: dialogues.count, unit: "dialogues", quiet: common.quiet || stream || prompt != nil)
        // One answer to be read, and not measured, comes sooner without.
        if dialogues.count > 1 || baseline || output.writesFiles || !output.showsText {
            try runner.warmUp(dialogues[0])
        }
        let cleaning = headFolder == nil ? nil : TokenTree.cleaning(treeName)
        if let cleaning { note(cleaning) }
        if let drafting {
            try calibrate(drafting, runner.prompts(of: dialogues, count: 8), stop: stop, interruption: interruption)
        }
        if let copying {
            try calibrate(copying, runner.prompts(of: dialogues, count: 8), stop: stop, interruption: interruption)
        }
        let lookupPlanner = drafting?.lookup ?? copying?.planner
        var answered: [AnsweredDialogue] = []
        var tokens = 0
        var (stopped, lost): ((any Error)?, (any Error)?)
        // Answers that cannot be shown are still decoded for files; without any there is nothing left to do.
        func show(_ work: () throws -> Void) throws {
            guard lost == nil else { return }
            do { try work() } catch {
                lost = error
                if !output.writesFiles { throw error }
            }
        }
        let texts = batch ?? 1
        if texts > 1 {
            let options = DecodingEngine.Options(maximumTexts: texts)
            let result = runner.answer(
                dialogues,
                on: DecodingEngine(
                    target: model, head: head, shape: drafting?.shape, lookup: lookupPlanner, options: options,
                    pool: pool),
                batch: texts, sampling: sampling.rule,
                baseline: baseline ? DecodingEngine(target: model, options: options, pool: pool) : nil
            ) { done, tokens in
                progress.update(done, tokens: tokens)
                try interruption.check()
            }
            (answered, stopped) = result
            for answer in answered {
                guard let problem = answer.problem else { continue }
                note("\(answer.prompt.id), turn \(answer.turns.count + 1): \(problem); left out")
            }
        }
        for dialogue in dialogues where stopped == nil && texts == 1 {
            let answer = runner.answer(dialogue) { turn, pieces in
                try interruption.check()
                try show { try answers?.add(pieces, dialogue, turn: turn) }
            }
            stopped = answer.stopped
            do { try show { try answers?.end() } } catch { stopped = stopped ?? error }
            if let problem = answer.problem {
                guard prompt == nil else { throw problem }
                note("\(dialogue.id), turn \(answer.turns.count + 1): \(problem); left out")
            }
            guard stopped == nil || !answer.turns.isEmpty else { break }
            answered.append(answer)
            tokens += answer.turns.reduce(0) { $0 + $1.decoded.tokens.count }
            progress.update(answered.count, tokens: tokens)
        }
        progress.finish()
        if let stopped, answered.isEmpty {
            throw stopped is Interrupted ? InterruptedAnswers(done: 0, of: dialogues.count) : stopped
        }

        let report = DecodingReport(
            answered, tree: drafting?.shape.tree, planner: drafting?.shape.planner, lookup: lookupPlanner,
            sampling: sampling.rule,
            loadSeconds: loadSeconds, peakMemoryBytes: ProcessMemory.peakByteCount, isInterrupted: stopped != nil,
            batch: texts)
        // Files are written although nobody can be shown anything, and the other way round.
        let shown = Result {
            // Whoever stopped reading, or has no room, is not asked again.
            if let lost { throw lost }
            guard output.showsText else { return }
            if prompt != nil, !stream {
                try StandardOutput.print(answered.flatMap(\.turns).map(\.text).joined(separator: "\n") + "\n")
            }
            try StandardOutput.print(report.table)
        }
        try output.write(
            report, answered, model: draft.map { "\(target)+\($0)" } ?? target, tree: drafting?.tree,
            tokenizer: tokenizer, isPretty: !stream, notes: notes(cleaning, stopped, answered.count, dialogues.count)
        ) {
            RunFacts(
                command: CommandLine.arguments, target: (target, model.ends), draft: headFolder,
                input: dataset ?? "one question", threads: pool.threadCount)
        }
        try shown.get()
        if let stopped {
            throw stopped is Interrupted ? InterruptedAnswers(done: answered.count, of: dialogues.count) : stopped
        }
    }

    private func notes(_ cleaning: String?, _ stopped: (any Error)?, _ done: Int, _ all: Int) -> [String] {
        [cleaning, stopped == nil ? nil : InterruptedAnswers(done: done, of: all).description].compactMap(\.self)
    }

    private func readDialogues() throws -> [PromptDialogue] {
        if let prompt { return [PromptDialogue(prompt: prompt)] }
        let (dialogues, problems) = try PromptDialogue.read(QuestionFile.path(dataset ?? ""), limit: limit)
        for problem in problems.prefix(5) { note(problem) }
        if problems.count > 5 { note("and \(counted(problems.count - 5, "more row was", "more rows were")) left out") }
        return dialogues
    }
}

/// The run was stopped from outside; the dialogues that were answered by then are kept.
struct InterruptedAnswers: Error, CustomStringConvertible {
    let done, all: Int

    init(done: Int, of all: Int) { (self.done, self.all) = (done, all) }

    var description: String {
        guard done > 0 else { return "interrupted before the first answer was whole; nothing is written" }
        return "interrupted after \(done) of \(counted(all, "dialogue")); their answers and figures are kept"
    }
}
