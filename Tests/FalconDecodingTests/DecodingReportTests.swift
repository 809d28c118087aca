import FalconDraft
import FalconPictures
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

@testable import FalconDecoding

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct DecodingReportTests {
    private static func tokenizer() throws -> Tokenizer { try Tokenizer(folder: "\(Fixtures.folder)/tokenizers/qwen2") }

    /// A text made of passes of which each accepted so many drafted tokens and added one of the target's own.
    private static func text(_ tokens: [Int32], accepted: [Int]) -> DecodedText {
        var text = DecodedText()
        let stop = StopRule(endTokens: [], maximumTokens: tokens.count)
        _ = text.takeFirst(tokens[0], stop: stop) { _ in }
        var next = 1
        for count in accepted where next < tokens.count {
            let new = Array(tokens[next..<min(next + count + 1, tokens.count)])
            _ = text.take(
                new, path: [Int](repeating: 0, count: count), treeDepth: 4, draftPasses: 1, stop: stop
            ) { _ in }
            next += new.count
        }
        return text
    }

    private static func turn(_ text: DecodedText, _ tokenizer: Tokenizer, loops: Bool = false) -> AnsweredTurn {
        AnsweredTurn(
            promptTokens: 3, decoded: text, text: tokenizer.decode(text.tokens, skippingSpecial: true), baseline: text,
            loops: loops)
    }

    private static func dialogue(
        _ category: String, _ question: String, _ turns: [AnsweredTurn]
    ) throws
        -> AnsweredDialogue
    {
        let prompt = try PromptDialogue(
            Dialogue(id: "q <1>", messages: [ChatMessage(role: .user, content: question)], category: category))
        return AnsweredDialogue(prompt: prompt, turns: turns, problem: nil)
    }

    @Test func `Pieces are the text, each on one token, none inside a character`() throws {
        let tokenizer = try Self.tokenizer()
        let words = "héllo 😀😀 漢字 <b>&amp;</b>\n\tend"
        let tokens = tokenizer.encode(words)
        for accepted in [[0], [3, 1, 4], [1, 1, 1, 1, 1]] {
            let text = Self.text(tokens, accepted: accepted + [Int](repeating: 2, count: tokens.count))
            let pieces = AnswerPiece.pieces(of: text, tokenizer)
            #expect(pieces.map(\.text).joined() == words)
            #expect(pieces[0].depth == 0 && pieces.allSatisfy { !$0.text.contains("\u{fffd}") })
        }
        // Three accepted at depths 1 to 3, then the target's own.
        let plain = tokenizer.encode("one two three four five")
        let pieces = AnswerPiece.pieces(of: Self.text(plain, accepted: [3, 0]), tokenizer)
        #expect(pieces.map(\.depth).prefix(5) == [0, 1, 2, 3, 0])
    }

    @Test func `A terminal gets colours by depth, and no control characters of an answer`() {
        #expect(AnswerPiece(text: "a", depth: 0).terminalText == "a")
        #expect(AnswerPiece(text: "a", depth: 1).terminalText == "\u{1b}[32ma\u{1b}[0m")
        #expect(AnswerPiece(text: "a", depth: 1).terminalText != AnswerPiece(text: "a", depth: 2).terminalText)
        #expect(
            AnswerPiece(text: "\u{1b}]0;title\u{7}x\u{9b}31m\n", depth: 0).terminalText
                == #"\u{1b}]0;title\u{7}x\u{9b}31m"# + "\n")
    }

    @Test func `A node was visited as often as its parent was accepted, and accepted as often as its path`() throws {
        var random = RandomSource(seed: 12)
        let tree = try TokenTree(name: "random", blockSize: 2, paths: randomPaths(&random, nodes: 25))
        let passes = (0..<400).map { _ -> DecodedPass in
            var path: [Int] = []
            if random.below(4) > 0 { path = tree.nodes[random.below(tree.nodes.count)].path }
            let limit = random.below(10) == 0 ? max(path.count, 1) : tree.depth
            // Now and then the text ends with an accepted token.
            let count = !path.isEmpty && random.below(6) == 0 ? path.count : path.count + 1
            return DecodedPass(
                tokens: [Int32](repeating: 0, count: count), path: path, drafted: path.count, treeDepth: limit)
        }
        let nodes = NodeStatistics(tree: tree, passes: passes)
        for (index, node) in tree.nodes.enumerated() {
            #expect(nodes.accepted[index] == passes.count { $0.path.starts(with: node.path) })
            let visited = passes.count { pass in
                let decided = min(
                    pass.tokens.count > pass.path.count ? pass.path.count + 1 : pass.path.count, pass.treeDepth)
                return node.depth <= decided && pass.path.starts(with: node.path.dropLast())
            }
            #expect(nodes.visited[index] == visited)
        }
    }

    @Test func `Categories, loops and totals are pooled as their formulas say`() throws {
        let tokenizer = try Self.tokenizer()
        let tokens = (0..<20).map { Int32($0 + 100) }
        let first = Self.turn(Self.text(tokens, accepted: [2, 0, 3, 1, 9]), tokenizer)
        let second = Self.turn(Self.text(tokens, accepted: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), tokenizer, loops: true)
        let dialogues = [
            try Self.dialogue("math", "a", [first]), try Self.dialogue("code", "b", [second]),
            try Self.dialogue("math", "c", [second]),
        ]
        let report = DecodingReport(dialogues, tree: nil, loadSeconds: 0, peakMemoryBytes: 0)
        let math = try #require(report.categories["math"])
        #expect(report.categories.count == 2 && math.all.prompts == 2 && math.all.loopingPrompts == 1)
        #expect(math.withoutLoops.prompts == 1 && math.withoutLoops.statistics == first.decoded.statistics)
        var pooled = first.decoded.statistics
        pooled.add(second.decoded.statistics)
        #expect(math.all.statistics == pooled && report.all.prompts == 3 && report.withoutLoops.prompts == 1)
        #expect(report.all.mismatchedTokens == 0 && report.table.contains("category") && report.table.contains("code"))

        let data = try JSONEncoder().encode(report)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let category = try #require((object["categories"] as? [String: [String: Any]])?["math"])
        #expect(category["prompts"] as? Int == 2 && category["looping_prompts"] as? Int == 1)
        #expect((category["without_loops"] as? [String: Any])?["prompts"] as? Int == 1)
    }

    @Test func `The page holds every figure with its formula, whole pictures, and hostile text as text`() throws {
        let tokenizer = try Self.tokenizer()
        let hostile = "</pre><script>alert(1)</script><img src=x onerror=y> \"'&"
        let text = Self.text(tokenizer.encode(hostile + " and so on and on"), accepted: [2, 3, 0, 1, 4, 2, 2, 2, 2, 2])
        let dialogues = [
            try Self.dialogue(hostile, hostile, [Self.turn(text, tokenizer)]),
            try Self.dialogue("other", "b", [Self.turn(text, tokenizer, loops: true)]),
        ]
        let tree = try TokenTree.chain(length: 4, blockSize: 2)
        let report = DecodingReport(dialogues, tree: tree, loadSeconds: 1, peakMemoryBytes: 1)
        let passes = dialogues.flatMap(\.turns).flatMap(\.decoded.passes)
        let pictures = DecodingPictures(report, nodes: NodeStatistics(tree: tree, passes: passes))
        let models = try RandomModels(seed: 1, pool: ThreadPool(threadCount: 1))
        let facts = RunFacts(
            command: ["falcon-infer", "--prompt", hostile], target: (hostile, models.target.ends), draft: "none",
            input: hostile, threads: 2)
        let page = DecodingReportPage(
            report, pictures: pictures, dialogues: dialogues, facts: facts, tokenizer: tokenizer, notes: [hostile])
        let html = page.html
        #expect(!html.contains("<script") && !html.contains("<img") && !html.contains("http"))
        for key in ["accept_length", "tokens_per_pass", "acceptance_rate", "generated_tokens", "target_passes"] {
            let formula = try #require(AcceptStatistics.formulas[key])
            #expect(html.contains(Markup.escaped(formula)), "\(key)")
        }
        #expect(html.contains(models.target.fingerprint) && html.contains("class=\"d1\""))
        let names = pictures.all.map(\.name)
        #expect(
            names == [
                "accept-histogram", "acceptance-by-depth", "accept-length-by-category",
                "acceptance-by-depth-and-category", "tree", "time", "speed",
            ])
        for (name, picture) in pictures.all {
            #expect(html.contains(picture.inline), "\(name)")
            #expect(XMLParser(data: Data(picture.file.utf8)).parse(), "\(name)")
        }
        let folder = try TemporaryFolder()
        try pictures.write(folder: folder.file("a/b"))
        #expect(try Fixtures.contents(of: folder.file("a/b")) == names.map { $0 + ".svg" }.sorted())
        // Plain decoding has no tree to draw.
        let plain = DecodingReport(dialogues, tree: nil, loadSeconds: 1, peakMemoryBytes: 1)
        #expect(DecodingPictures(plain, nodes: nil).all.map(\.name) == ["time", "speed"])
    }

    @Test func `A command line is quoted as a shell would read it`() throws {
        let models = try RandomModels(seed: 1, pool: ThreadPool(threadCount: 1))
        let facts = RunFacts(
            command: ["falcon-infer", "--prompt", "it's $x", "--tree", "chain:2", ""],
            target: ("t", models.target.ends), draft: nil, input: "", threads: 1)
        #expect(facts.commandLine == "falcon-infer --prompt 'it'\\''s $x' --tree chain:2 ''")
    }

    @Test func `Question files are found by name where the help says`() throws {
        let folder = try TemporaryFolder()
        let environment = ["FALCON_DATASETS": folder.path]
        do {
            _ = try QuestionFile.path("humaneval", environment: environment, ownFolder: folder.file("none"))
            Issue.record("found where nothing is")
        } catch {
            #expect("\(error)".contains(folder.file("humaneval.jsonl")) && "\(error)".contains("FALCON_DATASETS"))
        }
        let nested = try folder.write("{}", to: "mt_bench/question.jsonl")
        #expect(try QuestionFile.path("mt-bench", environment: environment) == nested)
        let flat = try folder.write("{}", to: "mt_bench.jsonl")
        #expect(try QuestionFile.path("mt-bench", environment: environment) == flat)
        // Anything else is a path.
        #expect(try QuestionFile.path("some.jsonl", environment: environment) == "some.jsonl")
    }

    @Test func `The second turn's prompt holds the first answer`() throws {
        let pool = ThreadPool(threadCount: 1)
        let models = try RandomModels(seed: 33, vocabulary: 1008, pool: pool)
        let tokenizer = try Self.tokenizer()
        let template = try ChatTemplate.style("chatml")
        let runner = DialogueRunner(
            tokenizer: tokenizer, template: template, decoder: PlainDecoder(target: models.target, pool: pool),
            baseline: nil, stop: StopRule(endTokens: [], maximumTokens: 12))
        let answered = runner.answer(PromptDialogue(id: "81", turns: ["First?", "Second?"]))
        #expect(answered.turns.count == 2 && !answered.turns[0].text.isEmpty)
        let messages = [
            ChatMessage(role: .user, content: "First?"),
            ChatMessage(role: .assistant, content: answered.turns[0].text),
            ChatMessage(role: .user, content: "Second?"),
        ]
        let prompt = try DialogueEncoder(template, tokenizer).prompt(messages)
        #expect(answered.turns[1].promptTokens == prompt.count)
        let again = try PlainDecoder(target: models.target, pool: pool).decode(
            prompt, stop: StopRule(endTokens: [], maximumTokens: 12))
        #expect(again.tokens == answered.turns[1].decoded.tokens)
    }
}
