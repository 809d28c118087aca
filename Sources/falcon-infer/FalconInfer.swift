import ArgumentParser
import FalconCommandSupport
import FalconDecoding
import FalconDraft
import FalconTensor
import FalconTokenizer

/// Answers prompts with a target model, speculatively where a draft head is given.
struct FalconInfer: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-infer",
        abstract: "Answer prompts, drafting with a Falcon head, and measure what it brings.",
        discussion: """
            Greedy output is the target's own text, token for token, and sampled output has its own distribution;
            a draft head only makes it come faster. --replay measures acceptance on stored features instead, without
            a pass of the target.

            Example:
              falcon-infer --target Models/chat --draft Models/chat-draft --dataset question.jsonl \\
                --limit 40 --baseline --json report.json --report report.html
              falcon-infer --target Models/chat --dataset question.jsonl --batch 16 --answers answers.jsonl
              falcon-infer --target Models/chat --draft lookup --dataset question.jsonl --baseline
              falcon-infer --target Models/chat --draft Models/chat-draft --chat
            """,
        version: falconVersion)

    @Option(help: "The target model: a folder (config.json, tokenizer.json, weights) or a .gguf file.")
    var target: String

    @Option(
        help: """
            Folder of the draft head, or lookup: drafts from the text so far, without a head (a folder of that name is \
            ./lookup); plain decoding where it is left out.
            """)
    var draft: String?

    @Flag(help: "Add to the head's trees what followed where the end of the text came before in it.")
    var lookup = false

    @Flag(help: "Draft with a head of another target of the same sizes, too; e.g. of the same model stored otherwise.")
    var allowOtherTarget = false

    @Option(help: "How the head fuses its inputs (gated, lstm, linear), where its config.json does not say it.")
    var fusion: FusionKind?

    @Option(help: "One question.")
    var prompt: String?

    @Option(
        help: """
            A question file or chat dataset (.json, .jsonl), whose user messages are asked, or a name \
            (\(QuestionFile.allCases.map(\.rawValue).joined(separator: ", "))) that is looked up in the folder \
            FALCON_DATASETS and in Datasets.
            """)
    var dataset: String?

    @Option(help: "A folder of falcon-gen-data: replay its stored answers, computing with the target's two ends only.")
    var replay: String?

    @Flag(
        help: """
            Converse on the terminal: lines are questions, with drafted tokens in colour, /help lists the commands; \
            Ctrl-C breaks off an answer.
            """)
    var chat = false

    @Option(help: "--chat: instructions for the model before the first question, as /system gives them.")
    var system: String?

    @Option(help: "The most dialogues to take from the dataset or the features.")
    var limit: Int?

    @Option(
        help: """
            Draft tree: auto (chosen for this machine), dynamic (grown in each round), dynamic:N (of N nodes), \
            \(TokenTree.names.joined(separator: ", ")), chain:D, or a file ending in .toml; \
            \(TokenTree.Size.medium.rawValue) where it is left out. With --draft lookup auto (where it is left out) or \
            chain:D. auto and dynamic of a head follow \
            measured times: text that is drawn at a temperature has the same distribution then, but does not repeat.
            """)
    var tree: String?

    @Option(help: "How many seconds --tree auto and dynamic measure rounds before the first answer (default: 3).")
    var planSeconds: Double?

    @Option(
        help: ArgumentHelp(
            """
            --dataset: dialogues answered in one pass, 1 where it is left out, to \(FalconInfer.mostTexts). The \
            answers are the same with any; speeds are those of all together.
            """, valueName: "n"))
    var batch: Int?

    @OptionGroup(title: "Template")
    var template: TemplateOptions

    @Option(help: "The most tokens of an answer.")
    var maxNewTokens = 512

    @Option(
        name: .customLong("stop"), parsing: .singleValue,
        help: ArgumentHelp(
            "Ends an answer before this text, the first of several where it is given more than once.",
            valueName: "text"))
    var stops: [String] = []

    @Option(help: PrecisionHelp.text)
    var precision: ProductArithmetic?

    @Option(
        help: "Arithmetic of the head's products: int8 beside bfloat16 and stored, else the target's. Texts stay.")
    var draftPrecision: ProductArithmetic?

    @OptionGroup var sampling: SamplingOptions

    @Flag(help: "Decode each prompt plainly too; count tokens that differ and compare speeds.")
    var baseline = false

    @Flag(
        help: """
            Print the answers as they come, a data set's each behind its question; on a terminal drafted tokens in \
            colour, unless NO_COLOR is set. Where standard output is taken (--json -, in one line then), to standard \
            error.
            """)
    var stream = false

    @OptionGroup var output: OutputOptions

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard [prompt != nil, dataset != nil, replay != nil, chat].count(where: \.self) == 1 else {
            throw ValidationError("Give one of --prompt TEXT, --dataset FILE, --replay FEATURES and --chat.")
        }
        try validateChat()
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): give 1 or more.") }
        if maxNewTokens < 1 { throw ValidationError("--max-new-tokens \(maxNewTokens): give 1 or more.") }
        if stops.contains("") { throw ValidationError("--stop: give a text that is not empty.") }
        if let planSeconds, !(0...3600).contains(planSeconds) {
            throw ValidationError("--plan-seconds \(planSeconds): give 0 to 3600.")
        }
        if draft == nil {
            if replay != nil { throw ValidationError("--replay is for a head given with --draft.") }
            try OptionEffect.refuse(
                [
                    ("--fusion", fusion != nil), ("--tree", tree != nil), ("--plan-seconds", planSeconds != nil),
                    ("--draft-precision", draftPrecision != nil), ("--baseline", baseline),
                    ("--allow-other-target", allowOtherTarget), ("--lookup", lookup),
                ], because: "is for a head given with --draft.")
        }
        if draftsByLookup { try validateLookup() }
        if lookup, replay != nil {
            throw ValidationError("--lookup needs a pass of the target; --replay makes none. Leave one of the two out.")
        }
        try validateBatch()
        if prompt != nil {
            try OptionEffect.refuse([("--limit", limit != nil)], because: "is for --dataset and --replay.")
        }
        if replay != nil {
            try OptionEffect.refuse(
                [
                    ("--baseline", baseline), ("--stream", stream), ("--answers", output.answers != nil),
                    ("--template", template.isGiven), ("--stop", !stops.isEmpty),
                ] + sampling.given,
                because: "needs a pass of the target; --replay makes none. Leave one of the two out.")
        } else {
            try sampling.refuseWithoutEffect()
        }
    }

    private func validateLookup() throws {
        let reason = "is for a head; --draft lookup has none (a head in a folder of that name: --draft ./lookup)."
        try OptionEffect.refuse(
            [
                ("--fusion", fusion != nil), ("--draft-precision", draftPrecision != nil), ("--replay", replay != nil),
                ("--allow-other-target", allowOtherTarget), ("--lookup", lookup),
            ], because: reason)
        guard let planner = LookupPlanner.select(treeName) else {
            throw ValidationError(
                "--tree \(treeName): with --draft lookup give auto or chain:1 to chain:\(LookupPlanner.rowLimit - 1).")
        }
        if planner.kind != .auto {
            try OptionEffect.refuse(
                [("--plan-seconds", planSeconds != nil)], because: "is for --tree auto; a chain is drafted as it is.")
        }
    }

    static let mostTexts = 1024

    private func validateBatch() throws {
        guard let batch else { return }
        guard (1...FalconInfer.mostTexts).contains(batch) else {
            throw ValidationError("--batch \(batch): give 1 to \(FalconInfer.mostTexts).")
        }
        if dataset == nil { throw ValidationError("--batch is for --dataset.") }
        guard batch > 1 else { return }
        if stream { throw ValidationError("--stream shows one answer at a time; leave out --batch or --stream.") }
    }

    /// The words of `--tree`.
    var treeName: String { tree ?? (draftsByLookup ? "auto" : TokenTree.Size.medium.rawValue) }

    /// Whether texts are drafted from themselves, without a head.
    var draftsByLookup: Bool { draft == "lookup" }

    /// Where the head lies.
    var headFolder: String? { draftsByLookup ? nil : draft }

    func run() throws {
        if chat { return try converse() }
        try output.check(inputs: [
            ("--target", target), ("--draft", headFolder), ("--dataset", try dataset.map { try QuestionFile.path($0) }),
            ("--replay", replay), ("--tree", tree),
        ])
        if let replay {
            try self.replay(folder: replay)
        } else {
            try answer()
        }
    }

    func stopRule(_ ends: AnswerEnds, _ tokenizer: Tokenizer) -> StopRule {
        StopRule(
            endTokens: ends.tokens, maximumTokens: maxNewTokens,
            textual: stops.isEmpty ? nil : TextualStop(stops, tokenizer))
    }

    /// Measures rounds for a planner, where there is one, and says what it makes of them.
    func calibrate(
        _ decoder: SpeculativeDecoder, _ prompts: [[Int32]], stop: StopRule, interruption: Interruption?
    ) throws {
        guard let planner = decoder.shape.planner else { return }
        note("measuring rounds of 1 to \(TreePlanner.rowLimit) rows")
        try decoder.calibrate(prompts, stop: stop, seconds: planSeconds ?? 3, check: { try interruption?.check() })
        if let costs = planner.measuredCosts { note(costs.summary) }
        note(planner.summary(sharedBy: batch ?? 1))
        if !sampling.rule.isGreedy {
            note("trees follow measured times: another run draws other tokens, of the same distribution")
        }
    }

    /// Measures passes for drafts from the text itself, and says what rows cost.
    func calibrate(
        _ decoder: LookupDecoder, _ prompts: [[Int32]], stop: StopRule, interruption: Interruption?
    ) throws {
        guard decoder.planner.kind == .auto else { return }
        note("measuring passes of 1 to \(LookupPlanner.rowLimit) rows")
        try decoder.calibrate(prompts, stop: stop, seconds: planSeconds ?? 3, check: { try interruption?.check() })
        note(decoder.planner.summary)
    }

    func note(_ line: String) {
        if !common.quiet { StandardError.print(line) }
    }
}

extension FusionKind: ExpressibleByArgument {}
