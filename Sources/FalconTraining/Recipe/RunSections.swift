import FalconShards

// The sections that every recipe has, whatever it trains. Defaults are the paper's.

/// `[optimizer]`: AdamW.
package struct OptimizerSection: RecipeSection, Equatable, Sendable {
    static let name = "optimizer"
    package var learningRate = 3e-5
    package var betas = [0.9, 0.95]
    package var weightDecay = 0.01
    /// Each gradient is clamped to plus or minus this; 0: off.
    package var clipValue = 0.5
    /// The gradient's length over all parameters is scaled down to this; 0: off.
    package var clipNorm = 0.0

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.number("learning_rate", &learningRate, 0...10)
        try walker.pair("betas", &betas, 0...0.999999)
        try walker.number("weight_decay", &weightDecay, 0...10)
        try walker.number("clip_value", &clipValue, 0...1e6)
        try walker.number("clip_norm", &clipNorm, 0...1e6)
    }
}

/// `[schedule]`: the learning rate over the steps.
package struct ScheduleSection: RecipeSection, Equatable, Sendable {
    package enum Kind: String, RecipeChoice, Sendable { case linear, cosine, constant }

    static let name = "schedule"
    package var kind = Kind.linear
    package var warmupSteps = 2000
    /// The warm-up as a share of the run's steps, in place of `warmup_steps`; 0: off.
    package var warmupShare = 0.0
    /// The step at which the rate reaches its end; 0: the run's last step.
    package var totalSteps = 0

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.choice("kind", &kind)
        try walker.integer("warmup_steps", &warmupSteps, 0...1_000_000_000)
        try walker.number("warmup_share", &warmupShare, 0...1)
        try walker.integer("total_steps", &totalSteps, 0...1_000_000_000)
    }
}

extension ScheduleSection {
    /// Steps of the warm-up in a run of so many.
    func warmup(totalSteps: Int) -> Int {
        warmupShare > 0 ? Int((warmupShare * Double(totalSteps)).rounded()) : warmupSteps
    }
}

/// `[training]`: how long, in what pieces, and how often the state is saved.
package struct TrainingSection: RecipeSection, Equatable, Sendable {
    /// Of large products' factors; sums, weights, gradients and the optimizer's state are float32 in any case: at the
    /// paper's learning rate no bfloat16 weight would move.
    package enum Precision: String, RecipeChoice, Sendable { case float32, bfloat16 }
    /// What slices' gradients are rounded to before they are added up, and so what crosses the network.
    package enum GradientExchange: String, RecipeChoice, Sendable { case float32, bfloat16 }
    /// What becomes of a loss or gradient with a value that is infinite or not a number.
    package enum OnNonfinite: String, RecipeChoice, Sendable {
        /// It is named and left out: the batch of such a loss, the step of such a gradient.
        case skip
        /// It is named and ends the run; its checkpoints stay.
        case stop
    }

    static let name = "training"
    package var epochs = 20
    /// Stops after this many steps, if the epochs last longer; 0: never.
    package var maxSteps = 0
    /// Sequences of one forward pass; for a target, see `pretrain.row_length`.
    package var batchSize = 8
    /// A batch is as many sequences of similar length as fit into so many tokens, padding counted, in place of
    /// `batch_size`; a longer sequence is a batch by itself. 0: off.
    package var tokensPerBatch = 0
    /// Forward passes of one optimizer step.
    package var accumulation = 1
    /// Into how many slices each batch is cut by sequences, a power of two; each is computed by itself, so that several
    /// ranks can share them. 0: none, or 8 where mpirun starts several ranks.
    package var slices = 0
    /// Of slices' gradients and of their partial sums, whether or not they cross the network.
    package var gradientExchange = GradientExchange.float32
    package var precision = Precision.float32
    /// Whether the backward pass recomputes the layers' activations instead of keeping them: less memory, more time,
    /// the same bits.
    package var recompute = false
    package var seed = 0
    /// 0: only at the end.
    package var checkpointEverySteps = 500
    /// Older checkpoints are removed; 0: none is.
    package var keepCheckpoints = 3
    package var onNonfinite = OnNonfinite.skip

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.integer("epochs", &epochs, 1...1_000_000)
        try walker.integer("max_steps", &maxSteps, 0...1_000_000_000)
        try walker.integer("batch_size", &batchSize, 1...65_536)
        try walker.integer("tokens_per_batch", &tokensPerBatch, 0...1_000_000_000)
        try walker.integer("accumulation", &accumulation, 1...65_536)
        try walker.integer("slices", &slices, 0...1024)
        try walker.choice("gradient_exchange", &gradientExchange)
        try walker.choice("precision", &precision)
        try walker.flag("recompute", &recompute)
        try walker.integer("seed", &seed, 0...Int.max)
        try walker.integer("checkpoint_every_steps", &checkpointEverySteps, 0...1_000_000_000)
        try walker.integer("keep_checkpoints", &keepCheckpoints, 0...1_000_000)
        try walker.choice("on_nonfinite", &onNonfinite)
    }
}

extension TrainingSection {
    var roundsGradients: Bool { gradientExchange == .bfloat16 }

    /// How large a batch of sequences may be.
    var batchLimit: LengthBucketSampler.Limit {
        tokensPerBatch > 0 ? .paddedTokens(tokensPerBatch) : .sequences(batchSize)
    }
}

/// `[evaluation]`: looking at the held-out sequences during training.
package struct EvaluationSection: RecipeSection, Equatable, Sendable {
    static let name = "evaluation"
    /// 0: only at the end.
    package var everySteps = 500
    /// How many tokens deep the chain is that is decoded, and the estimated accept length looks.
    package var depths = 8
    /// At most this many held-out sequences are looked at for the losses and accuracies.
    package var sequences = 64
    /// At most this many held-out dialogues are decoded from their features, for the accept lengths; 0: none.
    package var dialogues = 128
    /// The tree that is decoded, as `falcon-infer --tree` takes it.
    package var tree = "medium"
    /// So many held-out prompts are also answered by the target itself; 0: none.
    package var decodePrompts = 0
    /// The most tokens of such an answer.
    package var decodeTokens = 128
    /// The tree that is drafted for it, as `falcon-infer --tree` takes it; empty: `tree`.
    package var decodeTree = ""
    /// Evaluations in a row without a greater accept length after which the run ends; 0: never.
    package var earlyStopping = 0

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.integer("every_steps", &everySteps, 0...1_000_000_000)
        try walker.integer("depths", &depths, 1...256)
        try walker.integer("sequences", &sequences, 1...1_000_000)
        try walker.integer("dialogues", &dialogues, 0...1_000_000)
        try walker.text("tree", &tree)
        try walker.integer("decode_prompts", &decodePrompts, 0...1_000_000)
        try walker.integer("decode_tokens", &decodeTokens, 1...1_000_000)
        try walker.text("decode_tree", &decodeTree)
        try walker.integer("early_stopping", &earlyStopping, 0...1_000_000)
    }
}

/// `[logging]`: what is written beside the checkpoints.
package struct LoggingSection: RecipeSection, Equatable, Sendable {
    static let name = "logging"
    package var tensorboard = true
    /// A line of `metrics.jsonl` every so many steps.
    package var everySteps = 1

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.flag("tensorboard", &tensorboard)
        try walker.integer("every_steps", &everySteps, 1...1_000_000)
    }
}
