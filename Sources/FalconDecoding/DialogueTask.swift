import FalconTokenizer

/// A dialogue whose turns are asked one after the other, among others.
struct DialogueTask: DecodingTask {
    let dialogue: PromptDialogue
    /// The prompts of the turns, as far as they were asked.
    private(set) var prompts: [[Int32]] = []
    private let runner: DialogueRunner
    private let sampling: SamplingRule
    private var messages: [ChatMessage]
    private var turns: [AnsweredTurn] = []
    private var problem: (any Error)?

    init(_ dialogue: PromptDialogue, _ runner: DialogueRunner, sampling: SamplingRule) {
        (self.dialogue, self.runner, self.sampling) = (dialogue, runner, sampling)
        messages = dialogue.preface
    }

    mutating func next() throws -> DecodingStep<(AnsweredDialogue, prompts: [[Int32]])> {
        guard problem == nil, turns.count < dialogue.turns.count else {
            return .done((answered(stoppedBy: nil), prompts))
        }
        messages.append(ChatMessage(role: .user, content: dialogue.turns[turns.count]))
        do {
            let prompt = try runner.encoder.prompt(messages, dialogue.variables)
            _ = try DecodingError.limited(runner.stop, prompt: prompt, context: runner.context)
            prompts.append(prompt)
            return .decode(DecodingEngine.Request(prompt: prompt, stop: runner.stop, sampling: sampling))
        } catch  where error is DecodingError || error is DialogueRefusal {
            problem = error
            return .done((answered(stoppedBy: nil), prompts))
        }
    }

    mutating func take(_ text: DecodingEngine.FinishedText?) {
        guard let text, let prompt = prompts.last else { return }
        let turn = runner.turn(prompt, text.text)
        messages.append(ChatMessage(role: .assistant, content: turn.text))
        turns.append(turn)
    }

    /// The turns so far.
    func answered(stoppedBy error: (any Error)?) -> AnsweredDialogue {
        AnsweredDialogue(prompt: dialogue, turns: turns, problem: problem, stopped: error)
    }
}

/// One prompt, continued.
struct PromptTask: DecodingTask {
    let request: DecodingEngine.Request
    private var text: DecodedText?

    init(_ request: DecodingEngine.Request) { self.request = request }

    mutating func next() -> DecodingStep<DecodedText> { text.map { .done($0) } ?? .decode(request) }
    mutating func take(_ text: DecodingEngine.FinishedText?) { self.text = text?.text }
}

extension DialogueRunner {
    /// Answers dialogues, several in a pass: the turns that `answer` gives one dialogue after the other.
    ///
    /// - Parameters:
    ///   - batch: the most dialogues under way.
    ///   - baseline: decodes the same prompts plainly, in the same company, after all answers; `nil` leaves it out.
    ///   - check: told after each pass how many dialogues are whole and how many tokens there are; may throw to stop
    ///     the work, of which whole turns are kept.
    /// - Returns: the dialogues in their order, and what stopped the work, if anything did.
    package func answer(
        _ dialogues: [PromptDialogue], on engine: DecodingEngine, batch: Int, sampling: SamplingRule,
        baseline: DecodingEngine?, check: (_ done: Int, _ tokens: Int) throws -> Void
    ) -> (answered: [AnsweredDialogue], stopped: (any Error)?) {
        let tasks = DecodingTasks<DialogueTask>(engine, limit: batch)
        var answers = [AnsweredDialogue?](repeating: nil, count: dialogues.count)
        var prompts = [[[Int32]]](repeating: [], count: dialogues.count)
        var (next, done, tokens) = (0, 0, 0)
        do {
            while done < dialogues.count {
                while !tasks.isFull, next < dialogues.count {
                    try tasks.add(DialogueTask(dialogues[next], self, sampling: sampling), key: next)
                    next += 1
                }
                for (number, outcome) in try tasks.pass(receive: { tokens += $1.tokens.count }) {
                    (answers[number], prompts[number]) = outcome
                    done += 1
                }
                try check(done, tokens)
            }
            if let baseline {
                try decodePlainly(&answers, prompts, DecodingTasks(baseline, limit: batch), sampling) {
                    try check(done, tokens)
                }
            }
        } catch {
            for (number, task) in tasks.underWay { answers[number] = task.answered(stoppedBy: error) }
            let kept = answers.compactMap(\.self).filter { $0.stopped == nil || !$0.turns.isEmpty }
            return (kept, error)
        }
        return (answers.compactMap(\.self), nil)
    }

    /// Decodes the turns' prompts again, plainly.
    private func decodePlainly(
        _ answers: inout [AnsweredDialogue?], _ prompts: [[[Int32]]], _ tasks: DecodingTasks<PromptTask>,
        _ sampling: SamplingRule, check: () throws -> Void
    ) throws {
        var places = prompts.indices.flatMap { dialogue in
            (answers[dialogue]?.turns ?? []).indices.map { (dialogue: dialogue, turn: $0) }
        }[...]
        var keys: [(dialogue: Int, turn: Int)] = []
        while !places.isEmpty || !tasks.isIdle {
            while !tasks.isFull, let place = places.popFirst() {
                let request = DecodingEngine.Request(
                    prompt: prompts[place.dialogue][place.turn], stop: stop, sampling: sampling)
                try tasks.add(PromptTask(request), key: keys.count)
                keys.append(place)
            }
            for (key, text) in try tasks.pass() {
                var text = text
                text.forgetLooks()
                answers[keys[key].dialogue]?.turns[keys[key].turn].baseline = text
            }
            try check()
        }
    }
}
