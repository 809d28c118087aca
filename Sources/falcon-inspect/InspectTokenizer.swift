import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconJSON
import FalconTensor
import FalconWeights
import Foundation

struct InspectTokenizer: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer",
        abstract: "Encodes, decodes or renders a chat with a target's tokenizer; prints one JSON object.",
        discussion: """
            Examples:
              falcon-inspect tokenizer --target models/llama --text "Hello"
              falcon-inspect tokenizer --target models/llama --decode 1,2,3
              falcon-inspect tokenizer --target models/llama --chat chat.json --add-generation-prompt

            Special tokens named in a text are recognised; none is added. What a chat's file gives reaches the
            template as it is; assistant_mask marks the tokens of answers, of which `masks` shows those that count.
            """)

    @Option(help: "The target model's folder, with tokenizer.json, or its .gguf file.")
    var target: String

    @Option(help: "Encode this text.")
    var text: String?

    @Option(help: "Encode the text of this file.")
    var file: String?

    @Option(help: "Decode these ids, separated by commas; special tokens are kept without --skip-special.")
    var decode: String?

    @Option(
        help: ArgumentHelp(
            """
            Render the chat in this file: a list of {role, content}, or {"messages", "tools", "documents", \
            "add_generation_prompt", "template_arguments"}.
            """, valueName: "FILE.json"))
    var chat: String?

    @Flag(help: "End the chat where the assistant's next answer begins.")
    var addGenerationPrompt = false

    @OptionGroup(title: "Template")
    var template: TemplateOptions

    @Option(
        help: ArgumentHelp(
            "Answer many questions, each {\"text\"}, {\"ids\"} or a chat as --chat takes it, one a line.",
            valueName: "FILE.jsonl")
    )
    var batch: String?

    @Flag(help: "Leave special tokens out of the text of --decode.")
    var skipSpecial = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard [text, file, decode, chat, batch].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("Give one of --text, --file, --decode, --chat and --batch.")
        }
        try OptionEffect.refuse(
            [("--add-generation-prompt", addGenerationPrompt && chat == nil)], because: "is for --chat.")
        try OptionEffect.refuse([("--skip-special", skipSpecial && decode == nil)], because: "is for --decode.")
        try OptionEffect.refuse(
            [("--template", template.isGiven && chat == nil && batch == nil)], because: "is for --chat and --batch.")
    }

    func run() throws {
        try ModelPath.checkExistence(target)
        let tokenizer = try TokenizerInspection(folder: target, template: template.choice)
        if let text { try show([tokenizer.encode(text)]) }
        if let file {
            guard let text = String(validating: try bytes(of: file), as: UTF8.self) else {
                throw FileError(file, "is not UTF-8 text")
            }
            try show([tokenizer.encode(text)])
        }
        if let decode {
            let ids = try TokenInput.list(decode, option: "--decode")
            try show([tokenizer.decode(ids, skippingSpecial: skipSpecial)])
        }
        if let chat {
            let given = try GivenChat(JSONValue(path: chat), path: chat)
            let answer = try tokenizer.chat(given, addGenerationPrompt: addGenerationPrompt)
            if !common.quiet { StandardError.print("template: \(try tokenizer.chatTemplate().origin)") }
            try show([answer])
        }
        if let batch { try show(tokenizer.answers(lines: bytes(of: batch), path: batch)) }
    }

    private func bytes(of path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return file.bytes(0..<file.count)
    }

    private func show(_ answers: [TokenizerAnswer]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for answer in answers {
            try StandardOutput.print(json: String(decoding: encoder.encode(answer), as: UTF8.self))
        }
    }
}
