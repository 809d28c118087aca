import ArgumentParser
import FalconTokenizer

/// How a command's chats become text.
package struct TemplateOptions: ParsableArguments {
    @Option(
        help: """
            The chat template: auto (the model's own, the default), chatml, llama2, llama3, mistral, vicuna, the name \
            of one of the model's templates, or a file that ends in .jinja.
            """)
    package var template: String?

    @Option(
        help: ArgumentHelp(
            "Further variables of the template, e.g. '{\"enable_thinking\": false}'.", valueName: "json"))
    package var templateArguments: String?

    @Option(
        help: ArgumentHelp(
            "The time that templates see, e.g. 2026-03-05T09:07:03; this computer's where it is left out.",
            valueName: "time"))
    package var now: String?

    package init() {}

    /// Whether any of the options is given.
    package var isGiven: Bool { template != nil || templateArguments != nil || now != nil }

    /// - Throws: `TokenizerError` where the arguments are no JSON object, or the time is none.
    package var choice: TemplateChoice {
        get throws { try TemplateChoice(template ?? "auto", arguments: templateArguments, now: now) }
    }
}
