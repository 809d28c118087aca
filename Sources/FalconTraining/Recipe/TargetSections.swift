// The sections of a recipe that trains a small target from nothing.

/// `[model]`: the shape of the Llama that is trained.
package struct ModelSection: RecipeSection, Equatable, Sendable {
    static let name = "model"
    package var vocabulary = 1024
    package var hidden = 128
    package var layers = 6
    package var heads = 4
    package var keyValueHeads = 2
    package var intermediate = 512
    package var tieEmbeddings = true
    package var ropeTheta = 10_000.0
    package var maxPositions = 2048
    package var initSeed = 0

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.integer("vocabulary", &vocabulary, 264...1_048_576)
        try walker.integer("hidden", &hidden, 2...65_536)
        try walker.integer("layers", &layers, 1...256)
        try walker.integer("heads", &heads, 1...1024)
        try walker.integer("key_value_heads", &keyValueHeads, 1...1024)
        try walker.integer("intermediate", &intermediate, 1...1_048_576)
        try walker.flag("tie_embeddings", &tieEmbeddings)
        try walker.number("rope_theta", &ropeTheta, 1...1e9)
        try walker.integer("max_positions", &maxPositions, 2...1_048_576)
        try walker.integer("init_seed", &initSeed, 0...Int.max)
    }
}

/// `[pretrain]`: the text that it learns from. A recipe with this section trains a target, not a draft head.
package struct PretrainSection: RecipeSection, Equatable, Sendable {
    /// Which tokens count in the loss.
    package enum LossOn: String, RecipeChoice, Sendable { case all, assistant }

    static let name = "pretrain"
    /// Chats, as `falcon-gen-data` takes them.
    package var dataset = "Datasets/quickstart-train.json"
    /// Chats that are never trained on; empty: none.
    package var validationDataset = ""
    /// A folder with a `tokenizer.json`; empty: byte pairs are learned from the dataset.
    package var tokenizer = ""
    /// Longer dialogues are cut to this many tokens. A batch has up to `training.batch_size` times as many.
    package var rowLength = 512
    package var lossOn = LossOn.all
    /// Where the finished model goes; empty: the folder `model` of the run.
    package var modelFolder = ""

    mutating func fields<Walker: RecipeFields>(_ walker: inout Walker) throws {
        try walker.text("dataset", &dataset)
        try walker.text("validation_dataset", &validationDataset)
        try walker.text("tokenizer", &tokenizer)
        try walker.integer("row_length", &rowLength, 8...65_536)
        try walker.choice("loss_on", &lossOn)
        try walker.text("model_folder", &modelFolder)
    }
}
