import FalconCommandSupport
import FalconDecoding
import FalconTensor
import FalconTokenizer
import Foundation

/// A conversation on the terminal: lines of standard input are questions, those that begin with a slash commands.
///
/// One engine answers all turns and keeps what the model has seen of them, so that a turn goes on behind the one
/// before.
final class TerminalChat {
    /// What a line asks for.
    enum Line: Equatable {
        case question(String)
        case reset, stats, help, quit, nothing
        case system(String)
        case unknown(String)

        init(_ line: String) {
            let text = line.trimmingPrefix(while: \.isWhitespace)
            guard text.first == "/" else {
                self = text.isEmpty ? .nothing : .question(line)
                return
            }
            // A question may begin with a slash, too.
            if text.hasPrefix("//") {
                self = .question(String(text.dropFirst()))
                return
            }
            let word = text.prefix { !$0.isWhitespace }
            let rest = text.dropFirst(word.count).trimmingPrefix(while: \.isWhitespace)
            self =
                switch word {
                case "/reset": .reset
                case "/stats": .stats
                case "/help": .help
                case "/quit", "/exit": .quit
                case "/system": .system(String(rest))
                default: .unknown(String(word))
                }
        }
    }

    /// What the last answer took.
    private struct Figures {
        let prompt: Int
        let start: Double
        var tokens = 0
        var passes = 0
        var accepted = 0
        var first: Double?
        var last = 0.0

        mutating func add(_ pass: DecodedPass, at now: Double) {
            if first == nil { first = now } else { passes += 1 }
            tokens += pass.tokens.count
            accepted += pass.accepted
            last = now
        }
    }

    private let engine: DecodingEngine
    private let tokenizer: Tokenizer
    private let encoder: DialogueEncoder
    private let stop: StopRule
    private let sampling: SamplingRule
    private let context: Int
    private let interrupts: AnswerInterrupts
    private let isTerminal = StandardOutput.isTerminal
    private let inColour = TerminalColours.areWanted()
    /// Said by a person at the keyboard: only then there is a prompt.
    private let isTyped: Bool

    private var system: String?
    /// Questions and answers.
    private var turns: [ChatMessage] = []
    private var figures: Figures?

    init(
        engine: DecodingEngine, tokenizer: Tokenizer, template: ChatTemplate, stop: StopRule, sampling: SamplingRule,
        context: Int, system: String?
    ) {
        (self.engine, self.tokenizer, encoder) = (engine, tokenizer, DialogueEncoder(template, tokenizer))
        (self.stop, self.sampling, self.context, self.system) = (stop, sampling, context, system)
        isTyped = isatty(STDIN_FILENO) == 1
        interrupts = AnswerInterrupts(hint: isTyped ? "\n/quit ends\n> " : nil)
    }

    static let help = """
        /system TEXT  instructions for the model, from now on; none where TEXT is left out
        /reset        begins a new conversation
        /stats        what the conversation and the last answer took
        /quit         ends, as Ctrl-D does; Ctrl-C breaks off an answer
        A line that begins with // is a question that begins with a slash.
        """

    /// Answers until the input ends or a line says so.
    ///
    /// - Throws: what writing to standard output does.
    func run() throws {
        while true {
            if isTyped { try StandardOutput.write("> ") }
            guard let line = readLine(strippingNewline: true) else {
                if isTyped { try StandardOutput.write("\n") }
                return
            }
            switch Line(line) {
            case .nothing: break
            case .question(let text): try ask(text)
            case .reset: (turns, figures) = ([], nil)
            case .system(let text): system = text.isEmpty ? nil : text
            case .stats: try StandardOutput.print(statistics)
            case .help: try StandardOutput.print(TerminalChat.help)
            case .quit: return
            case .unknown(let word): StandardError.print("\(word): no such command; /help lists them")
            }
        }
    }

    /// Answers a question, which becomes part of the conversation with as much of its answer as was shown.
    private func ask(_ question: String) throws {
        let asked = turns + [ChatMessage(role: .user, content: question)]
        let prompt: [Int32]
        let id: DecodingEngine.TextID
        do {
            prompt = try encoder.prompt((system.map { [ChatMessage(role: .system, content: $0)] } ?? []) + asked)
            id = try engine.submit(.init(prompt: prompt, stop: stop, sampling: sampling))
        } catch {
            // The conversation goes on without this question.
            return StandardError.print(ErrorLine.text(of: error) + "; /reset begins a new conversation")
        }
        var stream = AnswerPiece.Stream(tokenizer, stops: stop.textual?.texts)
        var (text, tokens) = ("", [Int32]())
        var figures = Figures(prompt: prompt.count, start: systemSeconds())
        func show(_ pieces: [AnswerPiece]) throws {
            text += pieces.map(\.text).joined()
            try StandardOutput.write(
                pieces.map { inColour ? $0.terminalText : isTerminal ? $0.visibleText : $0.text }.joined())
        }
        interrupts.begin()
        var isWhole = false
        while !isWhole, !interrupts.areRequested {
            let finished = try engine.pass { _, pass in
                figures.add(pass, at: systemSeconds())
                tokens += pass.tokens
                try show(stream.append(pass))
            }
            isWhole = finished.contains { $0.id == id }
        }
        if !isWhole { engine.cancel(id) }
        interrupts.end()
        try show(stream.finish())
        try StandardOutput.write("\n")
        self.figures = figures
        if !isWhole {
            StandardError.print("(broken off)")
        } else {
            switch FinishReason(tokens, stop: stop) {
            case .endToken, .stopText: break
            case .length: StandardError.print("(cut off by --max-new-tokens)")
            case .context: StandardError.print("(the context is full; /reset begins a new conversation)")
            }
        }
        if isWhole || !text.isEmpty { turns = asked + [ChatMessage(role: .assistant, content: text)] }
    }

    private var statistics: String {
        guard let figures else { return "no answer yet" }
        func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
        let seconds = figures.last - (figures.first ?? figures.last)
        let speed = figures.tokens > 1 && seconds > 0 ? Double(figures.tokens - 1) / seconds : 0
        let share = figures.passes > 0 ? Double(figures.accepted) / Double(figures.passes) : 0
        let kept = engine.sharedPages
        return """
            conversation: \(counted(turns.count / 2, "turn")), \(figures.prompt + figures.tokens) of \(context) tokens
            last answer: \(counted(figures.tokens, "token")), the first after \
            \(rounded((figures.first ?? figures.start) - figures.start)) s, then \(rounded(speed)) tokens/s; \
            accept length \(rounded(share))
            kept for the next turn: \(counted(kept.count, "page")) of 64 tokens, \
            \(rounded(Double(kept.bytes) / 1e6)) MB
            """
    }
}
