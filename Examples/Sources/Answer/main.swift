// Answers questions as one conversation, streaming: Answer MODEL [--draft FOLDER] QUESTION ...
import Falcon
import Foundation

var arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 2 else {
    print("usage: Answer MODEL [--draft FOLDER] QUESTION ...")
    exit(64)
}
do {
    let model = try await LanguageModel.load(arguments.removeFirst())
    var head: DraftHead?
    if arguments.first == "--draft", arguments.count > 2 {
        head = try await DraftHead.load(arguments[1], for: model)
        arguments.removeFirst(2)
    }
    let chat = ChatSession(model, drafting: head, options: GenerationOptions(maximumTokens: 64))
    for question in arguments {
        for try await text in chat.streamResponse(to: question) {
            FileHandle.standardOutput.write(Data(text.utf8))
        }
        print()
    }
} catch {
    FileHandle.standardError.write(Data("Answer: \(error)\n".utf8))
    exit(1)
}
