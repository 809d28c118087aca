import FalconCommandSupport
import FalconDecoding
import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTokenizer

/// Replaying stored answers.
extension FalconInfer {
    func replay(folder: String) throws {
        let interruption = Interruption()
        let start = systemSeconds()
        let pool = common.makePool()
        let store = try FeatureStore(folder: folder)
        // What a pass of the target costs can only be measured by the whole of it.
        let isPlanned = DraftShape.isPlanned(treeName)
        let source = try ModelSource(path: target)
        let model = isPlanned ? try TargetModel(source, arithmetic: precision, pool: pool) : nil
        let ends = try model?.ends ?? EmbeddingAndHead(source, arithmetic: precision, pool: pool)
        let tokenizer = try source.tokenizer()
        try store.requireFingerprints(target: ends.fingerprint, tokenizer: tokenizer.fingerprint)
        let head = try DraftHead(
            folder: draft ?? "", ends: ends, fusion: fusion, arithmetic: draftPrecision,
            allowsOtherTarget: allowOtherTarget, pool: pool)
        let shape = try DraftShape.select(treeName, blockSize: head.blockSize, draftsAnyway: true)
        let loadSeconds = systemSeconds() - start

        let stop = StopRule(endTokens: ends.configuration.eosTokens, maximumTokens: maxNewTokens)
        typealias Replayed = (dialogues: [AnsweredDialogue], facts: ReplayFacts, stopped: (any Error)?)
        func run(_ replay: FeatureReplay) throws -> Replayed {
            let progress = ProgressReporter(
                total: min(limit ?? store.count, store.count), unit: "conversations", quiet: common.quiet)
            defer { progress.finish() }
            return try ReplayRunner(store: store, tokenizer: tokenizer, replay: replay).run(limit: limit, on: pool) {
                try interruption.check()
                progress.update($0, tokens: $1)
            }
        }
        let cleaning = TokenTree.cleaning(treeName)
        if let cleaning { note(cleaning) }
        let result: Replayed
        switch shape {
        case .fixed(let tree): result = try run(FeatureReplay(ends: ends, head: head, tree: tree, stop: stop))
        case .planned(let planner):
            let decoder = model.map { SpeculativeDecoder(target: $0, head: head, shape: shape, pool: pool) }
            if let decoder {
                let prompts = try StoredAnswer.prompts(in: store, count: 8, limit: limit)
                try calibrate(decoder, prompts, stop: stop, interruption: interruption)
            }
            note("replaying \(planner.survey.nodes.count) nodes a pass for the ranks of the stored tokens")
            let survey = try run(FeatureReplay(ends: ends, head: head, tree: planner.survey, stop: stop))
            // Figures of a survey are no figures of the tree.
            if let stopped = survey.stopped { throw stopped }
            planner.learn(survey.facts.ranks)
            note(planner.summary())
            result = try run(FeatureReplay(ends: ends, head: head, planner: planner, stop: stop))
        }

        let report = DecodingReport(
            result.dialogues, tree: shape.tree, planner: shape.planner, loadSeconds: loadSeconds,
            peakMemoryBytes: ProcessMemory.peakByteCount, replay: result.facts, isInterrupted: result.stopped != nil)
        let shown = Result { if output.showsText { try StandardOutput.print(report.table) } }
        try output.write(
            report, result.dialogues, model: target,
            tree: shape.tree ?? (shape.planner?.kind == .auto ? shape.planner?.plan.tree : nil), tokenizer: tokenizer,
            notes: [cleaning].compactMap(\.self)
        ) {
            RunFacts(
                command: CommandLine.arguments, target: (target, ends), draft: draft, input: folder,
                threads: pool.threadCount)
        }
        try shown.get()
        if result.stopped != nil {
            throw InterruptedAnswers(done: result.dialogues.count, of: min(limit ?? store.count, store.count))
        }
    }
}
