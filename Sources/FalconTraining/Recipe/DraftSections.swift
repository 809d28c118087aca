// The sections of a recipe that trains a draft head. Defaults are the paper's.

/// `[target]`: the language model whose draft head is trained.
package struct TargetSection: RecipeSection, Equatable, Sendable {
    static let name = "target"
    /// A folder with `config.json` and weights.
    package var path = "Checkpoints/target"

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.text("path", &path)
    }
}

/// `[data]`: the features to train on.
package struct DataSection: RecipeSection, Equatable, Sendable {
    /// Shards are made once and read in every epoch; online, the target makes each batch's features beside the
    /// training, and nothing is stored.
    package enum Source: String, RecipeChoice, Sendable { case shards, online }
    package enum Template: String, RecipeChoice, Sendable { case auto, chatml, llama2, llama3, mistral, vicuna }

    static let name = "data"
    /// The folder that `falcon-gen-data` wrote.
    package var shards = "Checkpoints/features"
    /// Longer sequences are cut to this many tokens.
    package var maxLength = 2048
    /// The share of the sequences that is kept back, chosen by a hash of each sequence's id.
    package var validationFraction = 0.05
    package var source = Source.shards
    /// Chats as `falcon-gen-data` takes them, for `source = "online"`.
    package var dataset = ""
    /// How they become text, for `source = "online"`.
    package var template = Template.auto
    /// Whether each sequence loses 0 to k - 1 of its first tokens, drawn in each epoch: its blocks then begin
    /// elsewhere, so that a position meets every offset of a block over the epochs.
    package var randomPhase = false

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.text("shards", &shards)
        try walker.integer("max_length", &maxLength, 2...1_048_576)
        try walker.number("validation_fraction", &validationFraction, 0...0.9)
        try walker.choice("source", &source)
        try walker.text("dataset", &dataset)
        try walker.choice("template", &template)
        try walker.flag("random_phase", &randomPhase)
    }
}

/// `[draft]`: the head itself.
package struct DraftSection: RecipeSection, Equatable, Sendable {
    package enum Fusion: String, RecipeChoice, Sendable { case lstm, gated, linear }

    static let name = "draft"
    /// k: tokens that one pass of the head predicts.
    package var blockSize = 2
    package var layers = 1
    package var fusion = Fusion.lstm
    /// Dropout between the two layers of the fusion, in training.
    package var dropout = 0.1
    /// Biases of queries and keys that start with each head looking at its own offset of the block (`LookAhead`).
    package var lookAhead = false
    /// Whether the embedding's half of a new head's fusion starts larger, by as much as features are larger than
    /// embeddings (`FusionBalance`).
    package var balancedStart = false
    /// Whether all rows of a block start from its newest position, each with a learned vector for its offset.
    package var newestPair = false
    /// How wide the correction inside a block is (`BlockCorrection`); 0: there is none.
    package var correctionRank = 0
    /// Layers of the target whose states the head reads beside the features, numbered from 1 (`AuxiliaryInput`); the
    /// features must have been made with them.
    package var auxiliaryLayers: [Int] = []
    /// How many tokens the head ranks: those that the target says most. 0: by `vocabulary_coverage`, or all.
    package var vocabularySize = 0
    /// As many tokens as make up this share of what the target says, in place of `vocabulary_size`; 0: off.
    package var vocabularyCoverage = 0.0
    package var initSeed = 0
    /// A checkpoint or an exported head to start from; empty: fresh weights.
    package var initFrom = ""

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.integer("block_size", &blockSize, 1...64)
        try walker.integer("layers", &layers, 1...64)
        try walker.choice("fusion", &fusion)
        try walker.number("dropout", &dropout, 0...1)
        try walker.flag("look_ahead", &lookAhead)
        try walker.flag("balanced_start", &balancedStart)
        try walker.flag("newest_pair", &newestPair)
        try walker.integer("correction_rank", &correctionRank, 0...4096)
        try walker.layers("auxiliary_layers", &auxiliaryLayers)
        try walker.integer("vocabulary_size", &vocabularySize, 0...Int(Int32.max))
        try walker.number("vocabulary_coverage", &vocabularyCoverage, 0...1)
        try walker.integer("init_seed", &initSeed, 0...Int.max)
        try walker.text("init_from", &initFrom)
    }
}

/// `[glance]`: coupled sequential glancing (section 3.2 of the paper).
package struct GlanceSection: RecipeSection, Equatable, Sendable {
    static let name = "glance"
    package var enabled = true
    package var schedule = GlanceSchedule.paper
    /// What lambda starts from, for schedules other than `paper` and `code`.
    package var lambda = 0.4
    /// Whether a position that was handed its own label counts in the loss all the same, as in the authors' code.
    package var lossOnGlanced = false
    /// Whether inputs are replaced at all. Without, the chosen positions leave the loss and nothing else changes: what
    /// of glancing's effect is the examples that it takes away.
    package var showsTruth = true
    package var maskShift = MaskShift.target

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.flag("enabled", &enabled)
        try walker.choice("schedule", &schedule)
        try walker.number("lambda", &lambda, 0...1)
        try walker.flag("loss_on_glanced", &lossOnGlanced)
        try walker.flag("shows_truth", &showsTruth)
        try walker.choice("mask_shift", &maskShift)
    }
}

/// `[noise]`: what becomes of the input features.
package struct NoiseSection: RecipeSection, Equatable, Sendable {
    static let name = "noise"
    package var kind = FeatureNoise.Kind.uniform
    package var halfWidth = 0.1
    /// The share of blocks that read what the head itself predicted for them (`SelfFedBlocks`); 0: none.
    package var selfFed = 0.0

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.choice("kind", &kind)
        try walker.number("half_width", &halfWidth, 0...100)
        try walker.number("self_fed", &selfFed, 0...1)
    }
}

/// `[loss]`: `feature_weight * feature + distill_weight * (soft_weight * soft + (1 - soft_weight) * hard)`.
package struct LossSection: RecipeSection, Equatable, Sendable {
    /// What the soft loss and the argmax are taken from: the target's features times its LM head, or the statistics
    /// that `falcon-gen-data --teacher-statistics` stored beside them.
    package enum Teacher: String, RecipeChoice, Sendable { case exact, stored }
    /// Where the hard label comes from: the target's most likely token, a draw from its distribution, or the text.
    package enum HardLabel: String, RecipeChoice, Sendable { case argmax, sample, data }

    /// How the head's distribution q is compared with the target's p: KL(p || q); 1 - a; or -log a, where
    /// a = sum of min(p, q) is how often a token drawn from q is accepted (`Distillation.Overlap`).
    package enum Soft: String, RecipeChoice, Sendable {
        case divergence
        case totalVariation = "total_variation"
        case acceptance
    }

    static let name = "loss"
    package var featureWeight = 1.0
    package var distillWeight = 0.1
    package var softWeight = 0.9
    package var softLoss = Soft.divergence
    /// How much of another soft loss than the divergence is the divergence all the same.
    package var divergenceShare = 0.0
    /// 1: the Kullback-Leibler divergence. Else the authors' form: p at temperature 1 weighs log ratios at this one.
    package var temperature = 1.0
    /// gamma: a position at offset o of its block weighs `exp(-o / gamma)` in the loss, since a token is accepted only
    /// where those before it are. 0: all weigh the same.
    package var offsetDecay = 0.0
    package var hardLabel = HardLabel.argmax
    package var teacher = Teacher.exact

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.number("feature_weight", &featureWeight, 0...1e6)
        try walker.number("distill_weight", &distillWeight, 0...1e6)
        try walker.number("soft_weight", &softWeight, 0...1)
        try walker.choice("soft_loss", &softLoss)
        try walker.number("divergence_share", &divergenceShare, 0...1)
        try walker.number("temperature", &temperature, 0.01...100)
        try walker.number("offset_decay", &offsetDecay, 0...1e6)
        try walker.choice("hard_label", &hardLabel)
        try walker.choice("teacher", &teacher)
    }
}
