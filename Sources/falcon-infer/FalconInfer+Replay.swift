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
        let ends = try TargetEnds(folder: target, arithmetic: precision, pool: pool)
        let tokenizer = try Tokenizer(folder: target)
        try store.requireFingerprints(target: ends.fingerprint, tokenizer: tokenizer.fingerprint)
        let head = try DraftHead(folder: draft ?? "", ends: ends, fusion: fusion, pool: pool)
        let tree = try TokenTree.select(tree, blockSize: head.blockSize)
        let loadSeconds = systemSeconds() - start

        let runner = ReplayRunner(
            store: store, tokenizer: tokenizer,
            replay: FeatureReplay(
                ends: ends, head: head, tree: tree,
                stop: StopRule(endTokens: ends.configuration.eosTokens, maximumTokens: maxNewTokens)))
        let progress = ProgressReporter(
            total: min(limit ?? store.count, store.count), unit: "conversations", quiet: common.quiet)
        let (dialogues, facts) = try runner.run(limit: limit, on: pool) { conversations, tokens in
            try interruption.check()
            progress.update(conversations, tokens: tokens)
        }
        progress.finish()

        let report = DecodingReport(
            dialogues, tree: tree, loadSeconds: loadSeconds, peakMemoryBytes: ProcessMemory.peakByteCount,
            replay: facts)
        try output.write(report, dialogues, model: target, tree: tree, tokenizer: tokenizer) {
            RunFacts(
                command: CommandLine.arguments, target: (target, ends), draft: draft, input: folder,
                threads: pool.threadCount)
        }
        if output.json != "-" { print(report.table) }
    }
}
