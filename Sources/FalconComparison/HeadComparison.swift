import FalconDecoding
import FalconDraft
import FalconModels
import FalconTensor
import FalconTokenizer
import Foundation

/// Decodes question files with heads and trees, and keeps what was measured: heads x trees x question files.
///
/// Each dialogue is answered plainly and then by one head and tree after the other, so that all of them meet the
/// machine in the same state, and their speeds compare. Of what is measured nothing is measured again: a folder in
/// which the work was stopped, or to which a head or a tree is added, goes on from there.
package struct HeadComparison {
    /// What to tell while it works.
    package struct Listener {
        /// A line for a person.
        package var note: (String) -> Void = { _ in }
        /// How many answers of dialogues there are, and how many there will be, and the tokens that were decoded.
        package var progress: (_ done: Int, _ total: Int, _ tokens: Int) -> Void = { _, _, _ in }
        /// May throw to stop the work; what is measured is kept.
        package var check: () throws -> Void = {}

        package init() {}
    }

    /// A head, one of its seeds, and a tree, on one question file.
    struct Cell {
        let head, member, tree, questions: Int
        let file: String
    }

    /// Heads are decoded together up to so many bytes of weights.
    static let mostBytesTogether = 1 << 30

    let options: ComparisonOptions
    let heads: [ComparedHead]
    let questions: [QuestionSet]
    let target: TargetModel
    private let tokenizer: Tokenizer
    private let template: ChatTemplate
    private let stop: StopRule
    private let pool: ThreadPool
    private let listener: Listener
    /// Of each head's members: `k`, and bytes of what is packed.
    private(set) var facts: [[(blockSize: Int, byteCount: Int)]] = []
    private(set) var cells: [Cell] = []
    private let plainKey: String

    /// Opens everything once, so that what is wrong with any head, tree or question file is said before hours of work.
    ///
    /// - Throws: what opening the target, the heads, the trees and the question files throws, each in one line.
    package init(
        _ options: ComparisonOptions, heads: [ComparedHead], pool: ThreadPool, listener: Listener = Listener()
    ) throws {
        var options = options
        options.template.now = options.template.now ?? HeadComparison.firstTime(options.output)
        (self.options, self.heads, self.pool, self.listener) = (options, heads, pool, listener)
        questions = try options.questions.map {
            try QuestionSet($0, limit: options.limit, sample: options.sample)
        }
        for set in questions { set.problems.prefix(5).forEach { listener.note("\(set.name): \($0)") } }
        let source = try ModelSource(path: options.target, hasTime: true)
        target = try TargetModel(source, arithmetic: options.precision, pool: pool)
        tokenizer = try source.tokenizer()
        template = try source.template(options.template)
        let ends = AnswerEnds(configured: target.configuration.eosTokens, template: template, tokenizer: tokenizer)
        ends.notes.forEach(listener.note)
        stop = StopRule(endTokens: ends.tokens, maximumTokens: options.maximumTokens)
        plainKey = options.plainKey(fingerprint: target.fingerprint, template: template)
        for (number, head) in heads.enumerated() {
            facts.append([])
            for (index, member) in head.members.enumerated() {
                let opened = try open(member)
                facts[number].append((opened.blockSize, opened.byteCount + opened.rankingByteCount))
                let digest = try member.digest()
                for (tree, name) in options.trees.enumerated() {
                    let shape = try DraftShape.select(name, blockSize: opened.blockSize)
                    for (place, set) in questions.enumerated() {
                        let key = [plainKey, options.draftKey, digest, set.digest, shape.tree?.toml ?? name]
                        cells.append(
                            Cell(
                                head: number, member: index, tree: tree, questions: place,
                                file: options.output + "/cells/"
                                    + ComparisonFile.name([head.name, name, set.name], key: key)))
                    }
                }
            }
        }
    }

    /// Measures what is missing.
    ///
    /// - Throws: what the listener's `check` throws, `FileError` where the folder cannot be written, or where plain
    ///   decoding no longer gives the answers that are kept.
    package func run() throws {
        for folder in ["", "/plain", "/cells"] { try HeadComparison.makeFolder(options.output + folder) }
        let lock = try FolderLock(options.output, use: "compares")
        try withExtendedLifetime(lock) {
            if let now = options.template.now {
                try AtomicFile.write(HeadComparison.timeFile(options.output), text: now)
            }
            var done = cells.reduce(0) { $0 + LineLog<MeasuredDialogue>.read($1.file).count }
            let total = cells.reduce(0) { $0 + questions[$1.questions].dialogues.count }
            var tokens = 0
            listener.progress(done, total, tokens)
            for group in groups {
                var opened: [Int: DraftHead] = [:]
                for number in questions.indices {
                    let pending = group.filter { cell in
                        cells[cell].questions == number
                            && LineLog<MeasuredDialogue>.read(cells[cell].file).count
                                < questions[number].dialogues.count
                    }
                    guard !pending.isEmpty else { continue }
                    for cell in pending where opened[key(cell)] == nil {
                        opened[key(cell)] = try open(heads[cells[cell].head].members[cells[cell].member])
                    }
                    try measure(pending, questions[number], opened) { decoded in
                        done += 1
                        tokens += decoded
                        listener.progress(done, total, tokens)
                    }
                }
            }
        }
    }

    /// Where the plain answers to a question set are kept.
    func plainFile(_ set: QuestionSet) -> String {
        options.output + "/plain/" + ComparisonFile.name([set.name], key: [plainKey, set.digest])
    }

    /// Cells whose heads fit the memory together.
    private var groups: [[Int]] {
        var (groups, bytes, last): ([[Int]], Int, Int?) = ([[]], 0, nil)
        for cell in cells.indices {
            if key(cell) != last {
                last = key(cell)
                let own = facts[cells[cell].head][cells[cell].member].byteCount
                if bytes + own > HeadComparison.mostBytesTogether, bytes > 0 {
                    groups.append([])
                    bytes = 0
                }
                bytes += own
            }
            groups[groups.count - 1].append(cell)
        }
        return groups
    }

    /// One number for each head and seed.
    private func key(_ cell: Int) -> Int {
        heads.prefix(cells[cell].head).reduce(cells[cell].member) { $0 + $1.members.count }
    }

    private func open(_ member: ComparedHead.Member) throws -> DraftHead {
        try DraftHead(
            folder: member.folder, target: target, arithmetic: options.draftPrecision,
            allowsOtherTarget: options.allowsOtherTarget, pool: pool)
    }

    /// A cell at work.
    private struct Bench {
        let cell: Int
        let runner: DialogueRunner
        let planner: TreePlanner?
        let log: LineLog<MeasuredDialogue>
    }

    private func measure(
        _ pending: [Int], _ set: QuestionSet, _ opened: [Int: DraftHead], measured: (_ tokens: Int) -> Void
    ) throws {
        func runner(_ decoder: any TextDecoder) -> DialogueRunner {
            DialogueRunner(
                tokenizer: tokenizer, template: template, decoder: decoder, baseline: nil, stop: stop,
                context: target.configuration.positionLimit)
        }
        let plain = runner(PlainDecoder(target: target, sampling: options.sampling, pool: pool))
        try plain.warmUp(set.dialogues[0])
        let prompts = plain.prompts(of: set.dialogues, count: 8)
        let known = try LineLog<PlainDialogue>(path: plainFile(set))
        var benches: [Bench] = []
        for cell in pending {
            guard let head = opened[key(cell)] else { continue }
            let name = options.trees[cells[cell].tree]
            let decoder = SpeculativeDecoder(
                target: target, head: head, shape: try .select(name, blockSize: head.blockSize),
                addsLookup: options.addsLookup, sampling: options.sampling, pool: pool)
            if let planner = decoder.shape.planner {
                try decoder.calibrate(prompts, stop: stop, seconds: options.planSeconds, check: listener.check)
                listener.note("\(heads[cells[cell].head].name), \(set.name): \(planner.summary())")
            }
            benches.append(
                Bench(
                    cell: cell, runner: runner(decoder), planner: decoder.shape.planner,
                    log: try LineLog(path: cells[cell].file)))
            try benches.last?.runner.warmUp(set.dialogues[0])
        }
        for (number, dialogue) in set.dialogues.enumerated() {
            let due = benches.filter { $0.log.lines.count == number }
            guard !due.isEmpty else { continue }
            let own = try answer(dialogue, plain)
            let answers = PlainDialogue(number, own)
            if number < known.lines.count {
                guard answers.hasSameTokens(as: known.lines[number]) else {
                    throw FileError(
                        known.path,
                        "plain decoding gives another answer to dialogue '\(dialogue.id)' than it gave here before: "
                            + "the model or the program has changed; choose another --output")
                }
            } else {
                try known.append(answers)
            }
            // None of them is always the one behind plain decoding.
            for place in due.indices {
                let bench = due[(place + number) % due.count]
                let answered = try answer(dialogue, bench.runner)
                try bench.log.append(
                    MeasuredDialogue(
                        number, answered, plain: own,
                        mismatched: options.sampling.isGreedy ? answers.mismatches(answered) : nil,
                        choice: bench.planner?.summary()))
                measured(answered.turns.reduce(0) { $0 + $1.decoded.tokens.count })
            }
        }
    }

    private func answer(_ dialogue: PromptDialogue, _ runner: DialogueRunner) throws -> AnsweredDialogue {
        let answered = runner.answer(dialogue) { _, _ in try listener.check() }
        if let stopped = answered.stopped { throw stopped }
        return answered
    }

    static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FileError(path, "cannot be made: \(FileError.reason(error)); choose another --output")
        }
    }

    /// The time that templates see: that of the folder's first run, or a day later all answers would count for nothing.
    private static func firstTime(_ folder: String) -> String {
        let text = try? String(contentsOfFile: timeFile(folder), encoding: .utf8)
        return text.flatMap { $0.isEmpty ? nil : $0 } ?? TemplateChoice.currentTime()
    }

    private static func timeFile(_ folder: String) -> String { folder + "/now" }
}
