internal import FalconDataGeneration
internal import FalconTensor
internal import FalconTraining
import Foundation
import Synchronization

/// Training of draft heads, and of small models, as a recipe says.
public enum Training {
    /// A step that was made.
    public struct Progress: Sendable {
        /// The step's number, from 1.
        public let step: Int
        /// Steps of the whole run.
        public let totalSteps: Int
        /// Tokens learned from since the run was started or resumed.
        public let tokens: Int
        /// The step's loss; `nil` where nothing was learned from.
        public let loss: Double?
        /// Accepted tokens a pass, where an evaluation came with the step.
        public let acceptLength: Double?
    }

    /// How a run ended.
    public struct Outcome: Sendable, Equatable {
        /// The run's folder, with its checkpoints and logs.
        public let folder: String
        /// The last step.
        public let step: Int
        /// Whether the run is complete; else it was cancelled, and goes on with `resume`.
        public let isComplete: Bool
    }

    /// Trains as a recipe says, to the end or until the task is cancelled, which saves a checkpoint.
    ///
    /// ```swift
    /// let outcome = try await Training.run(
    ///     recipe: "Recipes/glance.toml", settings: ["target.path=Models/chat", "data.shards=Features"],
    ///     output: "Checkpoints/chat-draft") { print("step \($0.step) of \($0.totalSteps)") }
    /// ```
    ///
    /// - Parameters:
    ///   - path: the recipe, a TOML file.
    ///   - settings: values that replace the recipe's, `section.key=value` each.
    ///   - output: the run's folder; `Checkpoints/NAME` after the recipe's file where it is `nil`.
    ///   - resume: whether to go on from the newest checkpoint of that folder, bit by bit as if it had not stopped.
    ///   - threads: one for each processor where it is `nil`.
    ///   - log: gets lines for a person, on the thread that trains.
    ///   - progress: told of each step, on the thread that trains.
    /// - Throws: `FalconError` where the recipe, the model, or the features are wrong.
    public static func run(
        recipe path: String, settings: [String] = [], output: String? = nil, resume: Bool = false,
        threads: Int? = nil, log: @escaping @Sendable (String) -> Void = { _ in },
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws -> Outcome {
        let stop = StopFlag()
        return try await withTaskCancellationHandler {
            try await onThread {
                let run = try TrainingRun(
                    recipePath: path, settings: settings, folder: output,
                    online: OnlineFeatures.init(target:dataset:template:maxLength:auxiliaryLayers:pool:log:))
                let environment = TrainingEnvironment(
                    pool: ThreadPool(threadCount: threads), now: { ProcessInfo.processInfo.systemUptime },
                    date: { Date().timeIntervalSince1970 }, shouldStop: { stop.isRaised },
                    report: { step, totalSteps, tokens, metrics in
                        progress(
                            Progress(
                                step: step, totalSteps: totalSteps, tokens: tokens, loss: metrics.number("loss"),
                                acceptLength: metrics.number("accept_length_tree")))
                    }, log: log)
                switch try run.run(resume: resume, environment: environment) {
                case .finished(let step): return Outcome(folder: run.folder, step: step, isComplete: true)
                case .stopped(let step): return Outcome(folder: run.folder, step: step, isComplete: false)
                }
            }
        } onCancel: {
            stop.raise()
        }
    }

    /// Runs long work on a thread of its own: those of Swift's tasks are for short pieces.
    private static func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try wordingErrors(work) }) }
            thread.name = "Falcon training"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// Set once, from any thread.
    private final class StopFlag: Sendable {
        private let flag = Atomic<Bool>(false)

        var isRaised: Bool { flag.load(ordering: .relaxed) }

        func raise() { flag.store(true, ordering: .relaxed) }
    }
}
