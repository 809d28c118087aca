import ArgumentParser
import FalconCommandSupport
import FalconDataGeneration
import FalconDecoding

/// How the target answers the prompts itself.
struct RegenerateOptions: ParsableArguments {
    @Flag(help: "Let the target answer the prompts itself, turn by turn, instead of taking the data set's answers.")
    var regenerate = false

    @Option(help: "A draft head's folder: the same answers, sooner.")
    var draft: String?

    @Flag(help: "Draft with a head of another target of the same sizes, too.")
    var allowOtherTarget = false

    @Option(
        help: """
            Draft tree: \(TokenTree.names.joined(separator: ", ")), chain:D, or a file ending in .toml; \
            \(TokenTree.Size.medium.rawValue) where it is left out. For answers that are not drawn also auto \
            (chosen for this machine and the dialogues in a pass, none where that is faster), dynamic or dynamic:N.
            """)
    var tree: String?

    @Option(
        help: ArgumentHelp(
            """
            Dialogues answered in one pass, 1 to \(BatchSize.most), or auto (by what this machine gains, measured at \
            the start, and its memory), as where it is left out. The answers are the same with any.
            """, valueName: "n|auto"))
    var batch: BatchSize?

    @Option(
        help: ArgumentHelp(
            """
            The most memory for beginnings that dialogues share, a system message say, and for their next turns: \
            512MB, say, or 0; 256MiB or a sixteenth of the memory where it is left out. The answers are the same.
            """, valueName: "size"))
    var cacheBytes: CacheSize?

    @Option(
        help: ArgumentHelp(
            """
            Needs no --dataset: let the target write the prompts of N dialogues itself, then answer them. Prompts that \
            are empty, cut, looping or duplicates are dropped, counted and replaced. They are drawn with --temperature \
            (1 where it is left out) and --top-p.
            """, valueName: "n"))
    var selfPrompts: Int?

    @Option(help: "--self-prompts: a system message for each dialogue, to set its language or topic.")
    var system: String?

    @Option(help: "--self-prompts: the most questions of a dialogue, each after the answer before; 1 where left out.")
    var turns: Int?

    @Option(help: "--self-prompts: the most tokens of a prompt; 256 where it is left out.")
    var maxPromptTokens: Int?

    @Option(help: "--self-prompts: draw the answers with this temperature; 0, as where left out, takes the likeliest.")
    var answerTemperature: Double?

    @OptionGroup var drawing: DrawingOptions

    @Option(help: "The most tokens of an answer; 512 where it is left out.")
    var maxNewTokens: Int?

    func validate() throws {
        if let maxNewTokens, maxNewTokens < 1 {
            throw ValidationError("--max-new-tokens \(maxNewTokens): give 1 or more.")
        }
        if !answers {
            try OptionEffect.refuse(
                [
                    ("--draft", draft != nil), ("--tree", tree != nil), ("--max-new-tokens", maxNewTokens != nil),
                    ("--batch", batch != nil), ("--cache-bytes", cacheBytes != nil),
                ] + drawing.given, because: "is for --regenerate and --self-prompts.")
        }
        try validateSelfPrompts()
        if draft == nil {
            try OptionEffect.refuse(
                [("--tree", tree != nil), ("--allow-other-target", allowOtherTarget)],
                because: "is for a head given with --draft.")
        }
        if selfPrompts == nil { try drawing.refuseWithoutEffect() }
    }

    private func validateSelfPrompts() throws {
        guard let selfPrompts else {
            return try OptionEffect.refuse(
                [
                    ("--system", system != nil), ("--turns", turns != nil),
                    ("--max-prompt-tokens", maxPromptTokens != nil),
                    ("--answer-temperature", answerTemperature != nil),
                ], because: "is for --self-prompts.")
        }
        guard (1...10_000_000).contains(selfPrompts) else {
            throw ValidationError("--self-prompts \(selfPrompts): give 1 to 10000000 dialogues.")
        }
        guard drawing.temperature != 0 else {
            throw ValidationError(
                "--temperature 0: the target would write the same prompt again and again; give more than 0.")
        }
        guard (1...1000).contains(turns ?? 1) else { throw ValidationError("--turns \(turns ?? 1): give 1 to 1000.") }
        guard maxPromptTokens ?? 1 >= 1 else {
            throw ValidationError("--max-prompt-tokens \(maxPromptTokens ?? 1): give 1 or more.")
        }
        if let answerTemperature, !(0...100).contains(answerTemperature) {
            throw ValidationError("--answer-temperature \(answerTemperature): give 0 to 100.")
        }
    }

    /// Whether the target answers.
    var answers: Bool { regenerate || selfPrompts != nil }

    /// `nil` where the data set's own answers are taken.
    var options: RegenerationOptions? {
        guard answers else { return nil }
        let rule =
            selfPrompts == nil
            ? SamplingRule(
                temperature: drawing.temperature ?? 0, topP: drawing.topP ?? 1, seed: drawing.seed ?? 0)
            : SamplingRule(temperature: answerTemperature ?? 0, seed: drawing.seed ?? 0)
        var options = RegenerationOptions(
            draft: draft, allowsOtherTarget: allowOtherTarget, tree: tree ?? TokenTree.Size.medium.rawValue,
            sampling: rule, maxNewTokens: maxNewTokens ?? 512, batch: batch ?? .automatic)
        if let cacheBytes { options.cacheBytes = cacheBytes.bytes }
        return options
    }

    /// `nil` where a data set gives the prompts.
    var selfPromptOptions: SelfPromptOptions? {
        selfPrompts.map { count in
            var options = SelfPromptOptions(count: count)
            options.sampling = SamplingRule(
                temperature: drawing.temperature ?? 1, topP: drawing.topP ?? 1, seed: drawing.seed ?? 0)
            (options.system, options.turns) = (system, turns ?? 1)
            options.maxTokens = maxPromptTokens ?? options.maxTokens
            return options
        }
    }
}

/// An amount of memory, which may be none.
struct CacheSize: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        if argument == "0" {
            bytes = 0
        } else if let amount = ByteAmount(argument) {
            bytes = amount.bytes
        } else {
            return nil
        }
    }
}

extension BatchSize: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
