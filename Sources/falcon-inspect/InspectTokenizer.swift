import ArgumentParser
import FalconCommandSupport
import FalconInspection
import FalconTensor
import FalconTokenizer
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

            Special tokens named in a text are recognised; none is added.
            """)

    @Option(help: "The target model's folder, with tokenizer.json.")
    var target: String

    @Option(help: "Encode this text.")
    var text: String?

    @Option(help: "Encode the text of this file.")
    var file: String?

    @Option(help: "Decode these ids, separated by commas; special tokens are kept.")
    var decode: String?

    @Option(help: ArgumentHelp("Render the chat in this file, a list of {role, content}.", valueName: "FILE.json"))
    var chat: String?

    @Flag(help: "End the chat where the assistant's next answer begins.")
    var addGenerationPrompt = false

    @Option(help: "The chat template: auto, chatml, llama2, llama3 or vicuna.")
    var template = "auto"

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard [text, file, decode, chat].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("Give one of --text, --file, --decode and --chat.")
        }
    }

    func run() throws {
        let tokenizer = try Tokenizer(folder: target)
        var answer = TokenizerAnswer()
        if let text { answer.ids = tokenizer.encode(text) }
        if let file {
            let bytes = try MappedFile(path: file)
            guard let text = String(validating: bytes.bytes(0..<bytes.count), as: UTF8.self) else {
                throw FileError(file, "is not UTF-8 text")
            }
            answer.ids = tokenizer.encode(text)
        }
        if let decode {
            let ids = try TokenInput.list(decode, option: "--decode")
            answer.text = tokenizer.decode(ids, skippingSpecial: false)
        }
        if let chat {
            let messages = try messages(chat)
            let template = try ChatTemplate.select(template, folder: target).template
            answer.prompt = try template.render(messages, addGenerationPrompt: addGenerationPrompt).text
            let (ids, mask) = try template.encode(messages, tokenizer, addGenerationPrompt: addGenerationPrompt)
            (answer.ids, answer.assistantMask) = (ids, mask)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(answer), as: UTF8.self))
    }

    private func messages(_ path: String) throws -> [ChatMessage] {
        struct Message: Decodable {
            let role: String
            let content: String
        }
        let file = try MappedFile(path: path)
        do {
            return try JSONDecoder().decode([Message].self, from: Data(file.bytes(0..<file.count))).map {
                ChatMessage(role: ChatRole($0.role), content: $0.content)
            }
        } catch {
            throw FileError(path, "must be a list of {role, content}, both text")
        }
    }
}

/// What `falcon-inspect tokenizer` prints; absent members are left out.
struct TokenizerAnswer: Encodable {
    var ids: [Int32]?
    var text: String?
    var prompt: String?
    var assistantMask: [UInt8]?

    enum CodingKeys: String, CodingKey {
        case ids, text, prompt
        case assistantMask = "assistant_mask"
    }
}
