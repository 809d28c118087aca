import ArgumentParser
import Falcon
import FalconCommandSupport
import FalconServer
import FalconTensor
import Foundation

/// Serves a model to clients of OpenAI's interface.
struct FalconServe: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "falcon-serve",
        abstract: "Serve a model over HTTP to clients of OpenAI's interface.",
        discussion: """
            Requests that come at the same time share the passes over the model, and each gets the bytes that it would \
            get alone. SIGTERM and Ctrl-C take no new requests, finish those in flight, and end with 0.

            Example:
              falcon-serve --target Models/chat --draft Models/chat-draft --port 8080
              curl -N http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \\
                -d '{"model": "chat", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
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

    @Option(
        help: """
            Draft tree: auto (chosen for this machine, smaller in company), small, medium, large, chain:D, or a file \
            ending in .toml; medium where it is left out. With --draft lookup auto (where it is left out) or chain:D. \
            What is drawn follows the head's tree: with auto it repeats only until the server is started again.
            """)
    var tree: String?

    @Option(help: "The address to listen on; only programs of this computer reach the default, 127.0.0.1.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes a free one, which is printed.")
    var port = 8080

    @Option(help: ArgumentHelp("Texts that are decoded in one pass; others wait.", valueName: "n"))
    var maxSequences = 8

    @Option(help: "The most tokens of prompt and answer; the model's own limit where it is left out.")
    var context: Int?

    @Option(
        help: ArgumentHelp(
            "Memory for the beginnings of texts that are kept, e.g. 512MB; 0 keeps none.", valueName: "size"))
    var cacheBytes = "256MB"

    @Option(
        help: ArgumentHelp(
            """
            A client is given up that takes longer to send a request, sends none, or takes nothing of its answer for \
            so long.
            """, valueName: "seconds"))
    var clientTimeout = 60

    @Option(help: "A file with the key that requests must carry as 'Authorization: Bearer KEY'.")
    var apiKeyFile: String?

    @Option(help: "The model's name for requests; the name of its folder or file where it is left out.")
    var servedModelName: String?

    @Option(help: PrecisionHelp.text)
    var precision: ProductArithmetic?

    @Option(help: "The chat template: auto (the model's own), the name of one, or a file that ends in .jinja.")
    var template = "auto"

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !(0...65535).contains(port) { throw ValidationError("--port \(port): give 0 to 65535.") }
        if !(1...1024).contains(maxSequences) {
            throw ValidationError("--max-sequences \(maxSequences): give 1 to 1024.")
        }
        if let context, context < 2 { throw ValidationError("--context \(context): give 2 or more.") }
        if ByteSize(cacheBytes) == nil {
            throw ValidationError("--cache-bytes \(cacheBytes): give a size such as 512MB, 2GB or 0.")
        }
        if !(1...86400).contains(clientTimeout) {
            throw ValidationError("--client-timeout \(clientTimeout): give 1 to 86400 seconds.")
        }
        if lookup, draft == nil || draftsByLookup {
            throw ValidationError("--lookup is for a head given with --draft; without one give --draft lookup.")
        }
        guard let tree else { return }
        if draft == nil { throw ValidationError("--tree is for a head given with --draft.") }
        if draftsByLookup, tree != "auto", !tree.hasPrefix("chain:") {
            throw ValidationError("--tree \(tree): with --draft lookup give auto or chain:D.")
        }
        if tree.hasPrefix("dynamic") {
            throw ValidationError(
                "--tree \(tree) grows by the times of one text alone; give auto or a tree by its name.")
        }
    }

    func run() throws {
        #if Server
            try blocking { try await serve() }
        #else
            throw FalconError("was built without its web server; build it with: swift build -c release --traits Server")
        #endif
    }

    /// Whether texts are drafted from themselves, without a head.
    var draftsByLookup: Bool { draft == "lookup" }

    /// What requests call the model.
    var modelName: String {
        if let servedModelName { return servedModelName }
        let path = URL(fileURLWithPath: target).standardizedFileURL
        return path.pathExtension == "gguf" ? path.deletingPathExtension().lastPathComponent : path.lastPathComponent
    }

    func note(_ line: String) {
        if !common.quiet { StandardError.print(line) }
    }
}

/// A number of bytes as a user writes it: `512MB`, `2GB`, `1.5GiB`, `1000`.
struct ByteSize: Equatable {
    let count: Int

    init?(_ text: String) {
        let number = text.prefix { $0.isNumber || $0 == "." }
        let units = [
            "": 1.0, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 1024, "MIB": 1_048_576, "GIB": 1_073_741_824,
        ]
        let unit = text.dropFirst(number.count).trimmingCharacters(in: .whitespaces).uppercased()
        guard let value = Double(number), let scale = units[unit], value * scale < 1e15 else { return nil }
        count = Int(value * scale)
    }
}
