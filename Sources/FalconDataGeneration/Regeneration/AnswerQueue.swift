import FalconDecoding
import FalconTokenizer

/// The answers of one shard's rows, in whatever order they are made.
final class ShardAnswers {
    let shard: Int
    private let journal: RegenerationJournal
    private var unbegun: ArraySlice<Int>
    private var answers: [Int: RegeneratedDialogue]

    init(shard: Int, rows: [Int], journal: RegenerationJournal) {
        (self.shard, self.journal, answers) = (shard, journal, journal.finished)
        unbegun = rows.filter { journal.finished[$0] == nil }[...]
    }

    /// The next row that nobody has begun.
    func begin() -> Int? { unbegun.popFirst() }

    /// Keeps an answer, in the journal first.
    func keep(_ answer: RegeneratedDialogue, row: Int) throws {
        try journal.add(answer, row: row)
        answers[row] = answer
    }

    func has(_ row: Int) -> Bool { answers[row] != nil }

    /// Gives an answer away, which may hold much memory.
    func take(_ row: Int) -> RegeneratedDialogue? { answers.removeValue(forKey: row) }

    /// Called when every row has been taken.
    func finish() throws { try journal.finish() }
}

/// Answers dialogues, many at a time, for whoever wants them one after the other. While a shard's last dialogues are
/// still under way, those of the next ones are begun.
final class AnswerQueue {
    private let regenerator: Regenerator
    private let tasks: DecodingTasks<RegenerationTask>
    private let dialogue: (Int) -> (Dialogue, isLeftOut: Bool)
    private let clock: SecondsClock
    /// Shards whose rows are begun before it is their turn.
    private var ahead: [ShardAnswers] = []
    private let aheadLimit: Int
    private let openNext: () throws -> ShardAnswers?
    private var owners: [Int: ShardAnswers] = [:]
    /// Features that wait for their turn. More than the limit are dropped, and made again by a pass of their own.
    private var heldScalars = 0
    private let heldLimit = 128 << 20

    /// Tokens that this run decoded (answers, and the target's own questions after the first), and the time that took.
    private(set) var tokens = 0
    private(set) var seconds = 0.0

    /// - Parameters:
    ///   - shardRows: rows of a shard.
    ///   - dialogue: a row's, and whether it repeats another and is left out.
    ///   - openNext: the next shard of this process, claimed before its turn; `nil` where there is none.
    init(
        _ regenerator: Regenerator, batch: Int, shardRows: Int, clock: @escaping SecondsClock = systemSeconds,
        dialogue: @escaping (Int) -> (Dialogue, isLeftOut: Bool), openNext: @escaping () throws -> ShardAnswers?
    ) {
        (self.regenerator, self.clock, self.dialogue, self.openNext) = (regenerator, clock, dialogue, openNext)
        tasks = DecodingTasks(regenerator.makeEngine(texts: batch), limit: batch)
        // With one at a time nothing is ever waited for.
        aheadLimit = batch == 1 ? 0 : max(1, (2 * batch + shardRows - 1) / shardRows)
    }

    /// The shard, if it was opened before its turn.
    func opened(_ shard: Int) -> ShardAnswers? {
        ahead.firstIndex { $0.shard == shard }.map { ahead.remove(at: $0) }
    }

    /// A row's answer.
    ///
    /// - Parameter check: called after each target pass; what it throws ends the work.
    func answer(_ row: Int, of shard: ShardAnswers, check: () throws -> Void) throws -> RegeneratedDialogue {
        let start = clock()
        defer { seconds += clock() - start }
        while !shard.has(row) {
            try fill(shard)
            let outcomes = try tasks.pass { tokens += $1.tokens.count }
            for (row, answer) in outcomes { try keep(answer, row: row) }
            try check()
        }
        guard let answer = shard.take(row) else { preconditionFailure("row \(row) is asked for twice") }
        if case .success(let conversation) = answer.result { heldScalars -= count(conversation) }
        return answer
    }

    private func fill(_ current: ShardAnswers) throws {
        while !tasks.isFull, let row = current.begin() { try begin(row, of: current) }
        for shard in ahead { while !tasks.isFull, let row = shard.begin() { try begin(row, of: shard) } }
        while !tasks.isFull, ahead.count < aheadLimit, let shard = try openNext() {
            ahead.append(shard)
            while !tasks.isFull, let row = shard.begin() { try begin(row, of: shard) }
        }
    }

    private func begin(_ row: Int, of shard: ShardAnswers) throws {
        owners[row] = shard
        let (dialogue, isLeftOut) = dialogue(row)
        if isLeftOut {
            let answer = RegeneratedDialogue(id: dialogue.id, result: .failure(GenerationInput.repeated))
            return try keep(answer, row: row)
        }
        try tasks.add(RegenerationTask(dialogue, regenerator), key: row)
    }

    private func count(_ conversation: Conversation) -> Int {
        conversation.features.map { $0.shape.reduce(1, *) } ?? 0
    }

    private func keep(_ answer: RegeneratedDialogue, row: Int) throws {
        guard let shard = owners.removeValue(forKey: row) else { return }
        var answer = answer
        if case .success(var conversation) = answer.result {
            if heldScalars + count(conversation) > heldLimit {
                conversation.features = nil
                answer.result = .success(conversation)
            }
            heldScalars += count(conversation)
        }
        try shard.keep(answer, row: row)
    }
}
