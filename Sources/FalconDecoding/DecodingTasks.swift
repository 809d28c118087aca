/// Work that needs texts of the target, one after the other: a dialogue whose turns are answered, say.
///
/// A task never waits: it says what it needs, and is told what came of it. So the texts of many tasks are decoded
/// together, and what a task asks for depends on its own texts only.
package protocol DecodingTask {
    associatedtype Outcome

    /// What it needs now; asked for at first, and again after each text.
    ///
    /// - Throws: only what ought to end the whole run.
    mutating func next() throws -> DecodingStep<Outcome>

    /// Looks at a text as it comes; `true` says that it is long enough, whatever its rule says.
    mutating func receive(_ pass: DecodedPass) throws -> Bool

    /// Takes its text; `nil` for one that `receive` ended.
    mutating func take(_ text: DecodingEngine.FinishedText?)
}

extension DecodingTask {
    package mutating func receive(_ pass: DecodedPass) throws -> Bool { false }
}

/// What a task needs, or what came of it.
package enum DecodingStep<Outcome> {
    case decode(DecodingEngine.Request)
    case done(Outcome)
}

/// Tasks under way on one engine.
package final class DecodingTasks<Task: DecodingTask> {
    /// The most tasks under way.
    package let limit: Int
    private let engine: DecodingEngine
    private var running: [DecodingEngine.TextID: (key: Int, task: Task)] = [:]
    private var done: [(key: Int, outcome: Task.Outcome)] = []

    /// - Parameter engine: nobody else gives it texts meanwhile.
    package init(_ engine: DecodingEngine, limit: Int) {
        precondition(limit > 0, "no task can be under way")
        (self.engine, self.limit) = (engine, limit)
    }

    package var isFull: Bool { running.count >= limit }

    /// Whether there is neither a task under way nor an outcome to be told.
    package var isIdle: Bool { running.isEmpty && done.isEmpty }

    /// The tasks under way, in no order.
    package var underWay: [(key: Int, task: Task)] { running.values.map { ($0.key, $0.task) } }

    /// Begins a task.
    ///
    /// - Parameter key: what it is called when its outcome is told; of no other task under way.
    package func add(_ task: Task, key: Int) throws {
        var task = task
        switch try task.next() {
        case .done(let outcome):
            engine.endSeries(key)
            done.append((key, outcome))
        case .decode(var request):
            request.series = key
            running[try engine.submit(request)] = (key, task)
        }
    }

    /// One pass over the texts of all tasks under way, unless outcomes are there already.
    ///
    /// - Parameter receive: gets each text's new tokens with its task's key; may throw to stop the work.
    /// - Returns: the outcomes of the tasks that ended.
    package func pass(
        receive: (_ key: Int, DecodedPass) throws -> Void = { _, _ in }
    ) throws -> [(key: Int, outcome: Task.Outcome)] {
        if done.isEmpty, !running.isEmpty {
            var enough: [DecodingEngine.TextID] = []
            let finished = try engine.pass { id, pass in
                guard let key = running[id]?.key else { return }
                if try running[id]?.task.receive(pass) == true { enough.append(id) }
                try receive(key, pass)
            }
            for text in finished { try goOn(text.id, text) }
            // One that ended by its rule with the same tokens is not running any more.
            for id in enough where running[id] != nil {
                engine.cancel(id)
                try goOn(id, nil)
            }
        }
        defer { done = [] }
        return done
    }

    private func goOn(_ id: DecodingEngine.TextID, _ text: DecodingEngine.FinishedText?) throws {
        guard var entry = running.removeValue(forKey: id) else { return }
        entry.task.take(text)
        try add(entry.task, key: entry.key)
    }
}
