import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconDraft
import FalconModels
import FalconTensor
import FalconTokenizer

/// Conversing on the terminal.
extension FalconInfer {
    /// What `--chat` shows itself, or has no use for.
    func validateChat() throws {
        guard chat else {
            return try OptionEffect.refuse([("--system", system != nil)], because: "is for --chat.")
        }
        try OptionEffect.refuse(
            [
                ("--limit", limit != nil), ("--batch", batch != nil), ("--baseline", baseline), ("--stream", stream),
                ("--answers", output.answers != nil), ("--json", output.json != nil),
                ("--report", output.report != nil), ("--report-pictures", output.reportPictures != nil),
            ], because: "is not for --chat, which shows answers as they come, and figures by /stats.")
    }

    func converse() throws {
        let pool = common.makePool()
        let source = try ModelSource(path: target, hasTime: true)
        let model = try TargetModel(source, arithmetic: precision, pool: pool)
        let tokenizer = try source.tokenizer()
        let template = try source.template(self.template.choice)
        let ends = AnswerEnds(configured: model.configuration.eosTokens, template: template, tokenizer: tokenizer)
        ends.notes.forEach(note)
        let stop = stopRule(ends, tokenizer)
        let (head, shape, planner) = try drafting(
            model, DialogueEncoder(template, tokenizer), stop: stop, pool: pool)
        // Everything that the model has seen of a turn is kept for the next one, for its head too.
        var options = DecodingEngine.Options(maximumTexts: 1, cacheBytes: DecodingEngine.Options.usualCacheBytes)
        options.keepsFeatures = head != nil
        let conversation = TerminalChat(
            engine: DecodingEngine(
                target: model, head: head, shape: shape, lookup: planner, options: options, pool: pool),
            tokenizer: tokenizer, template: template, stop: stop, sampling: sampling.rule,
            context: model.configuration.positionLimit, system: system)
        note("template: \(template.origin); /help lists commands, /quit ends")
        try conversation.run()
    }

    private func drafting(
        _ model: TargetModel, _ encoder: DialogueEncoder, stop: StopRule, pool: ThreadPool
    ) throws -> (DraftHead?, DraftShape?, LookupPlanner?) {
        let questions = ["What is the capital of France?", "Write a short story about a lighthouse."]
        let prompts = questions.compactMap { try? encoder.prompt([ChatMessage(role: .user, content: $0)]) }
        if let folder = headFolder {
            let head = try DraftHead(
                folder: folder, target: model, fusion: fusion, arithmetic: draftPrecision,
                allowsOtherTarget: allowOtherTarget, pool: pool)
            let decoder = SpeculativeDecoder(
                target: model, head: head, shape: try .select(treeName, blockSize: head.blockSize), addsLookup: lookup,
                sampling: sampling.rule, pool: pool)
            try calibrate(decoder, prompts, stop: stop, interruption: nil)
            return (head, decoder.shape, decoder.lookup)
        }
        guard draftsByLookup, let planner = LookupPlanner.select(treeName) else { return (nil, nil, nil) }
        let decoder = LookupDecoder(target: model, planner: planner, sampling: sampling.rule, pool: pool)
        try calibrate(decoder, prompts, stop: stop, interruption: nil)
        return (nil, nil, planner)
    }
}
