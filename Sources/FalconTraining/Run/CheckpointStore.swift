import FalconNN
import FalconTOML
import FalconTensor
import FalconWeights

/// Writes a run's checkpoints and reads them back.
struct CheckpointStore {
    let folder: RunFolder
    let recipe: Recipe

    /// Writes the checkpoint of `state.step`; afterwards it is whole and `latest`. The best one so far is kept, too.
    func save(_ state: TrainingState, task: any TrainingTask, steps: any StepMaker) throws {
        try folder.writeCheckpoint(
            step: state.step, keep: recipe.training.keepCheckpoints, best: state.bestStep
        ) { folder in
            try task.writeModel(to: folder)
            try steps.write(folder + "/optimizer.safetensors")
            try AtomicFile.write(folder + "/recipe.toml", text: state.recipe)
            try state.write(folder + "/state.json")
        }
    }

    /// Restores weights, optimizer and random sources from a checkpoint's folder.
    ///
    /// - Parameters:
    ///   - expected: a new run's state under the present recipe, to compare with.
    ///   - notes: whether to put the folder's notes right; one process does.
    /// - Throws: `FileError` where something is missing or does not belong to this run.
    func restore(
        from checkpoint: String, into task: any TrainingTask, steps: any StepMaker, expected: TrainingState,
        notes: Bool = true
    ) throws -> TrainingState {
        var state = try TrainingState(path: checkpoint + "/state.json")
        guard state.kind == expected.kind else {
            throw FileError(
                checkpoint, "holds a \(state.kind) run, not a \(expected.kind) run; choose another --output")
        }
        if let key = try CheckpointStore.differingKey(state.recipe, recipe, source: checkpoint + "/recipe.toml") {
            let others = "resume with its own recipe.toml or choose another --output"
            // A longer run has another schedule from its first step on: it is not the same run.
            let isLonger = CheckpointStore.lasting.contains(key) && state.kind == "draft"
            throw FileError(
                checkpoint,
                "was trained with another \(key); "
                    + (isLonger
                        ? "to train on from its weights, start a new run with --set draft.init_from=\(checkpoint) "
                            + "--output OTHER; else \(others)"
                        : others))
        }
        for (name, value) in expected.fingerprints.sorted(by: { $0.key < $1.key })
        where state.fingerprints[name] != value {
            throw FileError(checkpoint, "was trained with another \(name); resume with the one it belongs to")
        }
        try task.readModel(from: checkpoint)
        let path = checkpoint + "/optimizer.safetensors"
        do {
            try steps.load(StoredParameters(try SafetensorsFile(path: path)))
        } catch let error as StateDictError {
            throw FileError(path, error.description)
        }
        task.random = state.random
        // A kill between renaming a checkpoint and noting it left the notes behind.
        if notes { try folder.note(latest: state.step, best: state.bestStep) }
        if try CheckpointStore.measuresOtherwise(state.recipe, recipe, source: checkpoint + "/recipe.toml") {
            // Accept lengths of other trees or dialogues do not compare.
            (state.bestStep, state.bestMerit, state.staleEvaluations) = (nil, nil, nil)
        }
        // The recipe may have changed in ways that do not change the run's course.
        state.recipe = expected.recipe
        state.recipeHash = expected.recipeHash
        return state
    }

    /// Keys that may change when a run is resumed: they decide how long it runs, what is kept and what is looked at,
    /// but not what a step does.
    private static let free: Set<String> = measuring.union([
        "training.checkpoint_every_steps", "training.keep_checkpoints", "training.on_nonfinite", "training.recompute",
        "evaluation.every_steps", "evaluation.early_stopping", "logging.tensorboard", "logging.every_steps",
        "pretrain.model_folder",
    ])

    /// What somebody changes who wants to train for longer.
    private static let lasting: Set<String> = [
        "training.epochs", "training.max_steps", "schedule.total_steps", "schedule.warmup_steps", "schedule.kind",
        "schedule.warmup_share", "optimizer.learning_rate", "data.shards",
    ]

    /// Those of them that decide what an evaluation's figures mean.
    private static let measuring: Set<String> = [
        "evaluation.depths", "evaluation.sequences", "evaluation.dialogues", "evaluation.tree",
        "evaluation.decode_prompts", "evaluation.decode_tokens", "evaluation.decode_tree",
    ]

    private static func measuresOtherwise(_ stored: String, _ recipe: Recipe, source: String) throws -> Bool {
        try differingKeys(stored, recipe, source: source).contains(where: measuring.contains)
    }

    /// The first key whose values differ and would change the run's course.
    static func differingKey(_ stored: String, _ recipe: Recipe, source: String) throws -> String? {
        try differingKeys(stored, recipe, source: source).first { name in
            // More steps change nothing for the steps before, unless a schedule's end hangs on them.
            let isEnd =
                recipe.schedule.totalSteps == 0 || recipe.schedule.warmupShare > 0
                || (recipe.glance.enabled && recipe.glance.schedule.followsSteps)
            return !free.contains(name) && (name != "training.max_steps" || isEnd)
        }
    }

    /// All keys whose values differ, sorted. A key that the stored recipe lacks had the default.
    private static func differingKeys(_ stored: String, _ recipe: Recipe, source: String) throws -> [String] {
        // Read and printed, so that keys which came later have their defaults.
        let completed = (try? Recipe(toml: stored, source: source).toml) ?? stored
        let old = try Recipe.table(Array(completed.utf8), source: source)
        let new = try Recipe.table(Array(recipe.toml.utf8), source: "recipe")
        var names: [String] = []
        for section in Set(old.keys).union(new.keys).sorted() {
            guard case .table(let before)? = old[section], case .table(let after)? = new[section] else {
                names.append(section)
                continue
            }
            names += Set(before.keys).union(after.keys).sorted().filter { before[$0] != after[$0] }.map {
                "\(section).\($0)"
            }
        }
        return names
    }
}

extension StoredParameters {
    /// The tensors of a safetensors file as a state dict.
    init(_ file: SafetensorsFile) {
        self.init(
            names: file.names, shape: { file.stored($0)?.shape }, read: { name, _ in try file.tensor(name) })
    }
}
