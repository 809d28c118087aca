import FalconNN
import FalconTensor
import FalconWeights

/// Writes a run's checkpoints and reads them back.
struct CheckpointStore {
    let folder: RunFolder
    let recipe: Recipe

    /// Writes the checkpoint of `state.step`; afterwards it is whole and `latest`. The best one so far is kept, too.
    func save(_ state: TrainingState, task: any TrainingTask, optimizer: AdamW) throws {
        let kept = Set([state.bestStep].compactMap { $0 })
        try folder.writeCheckpoint(step: state.step, keep: recipe.training.keepCheckpoints, kept: kept) { folder in
            try task.writeModel(to: folder)
            try SafetensorsWriter.write(
                folder + "/optimizer.safetensors", tensors: optimizer.state(for: task.parameters), as: .float32)
            try AtomicFile.write(folder + "/recipe.toml", text: state.recipe)
            try state.write(folder + "/state.json")
        }
        if let best = state.bestStep {
            try AtomicFile.write(folder.path + "/best", text: RunFolder.name(step: best) + "\n")
        }
    }

    /// Restores weights, optimizer and random sources from a checkpoint's folder.
    ///
    /// - Parameter expected: a new run's state under the present recipe, to compare with.
    /// - Throws: `FileError` where something is missing or does not belong to this run.
    func restore(
        from checkpoint: String, into task: any TrainingTask, optimizer: inout AdamW, expected: TrainingState
    ) throws -> TrainingState {
        var state = try TrainingState(path: checkpoint + "/state.json")
        guard state.kind == expected.kind else {
            throw FileError(
                checkpoint, "holds a \(state.kind) run, not a \(expected.kind) run; choose another --output")
        }
        if let key = try CheckpointStore.differingKey(state.recipe, recipe, source: checkpoint + "/recipe.toml") {
            throw FileError(
                checkpoint,
                "was trained with another \(key); resume with its own recipe.toml or choose another --output")
        }
        for (name, value) in expected.fingerprints.sorted(by: { $0.key < $1.key })
        where state.fingerprints[name] != value {
            throw FileError(checkpoint, "was trained with another \(name); resume with the one it belongs to")
        }
        try task.readModel(from: checkpoint)
        let path = checkpoint + "/optimizer.safetensors"
        do {
            try optimizer.load(StoredParameters(try SafetensorsFile(path: path)), for: task.parameters)
        } catch let error as StateDictError {
            throw FileError(path, error.description)
        }
        task.random = state.random
        // The recipe may have changed in ways that do not change the run's course.
        state.recipe = expected.recipe
        state.recipeHash = expected.recipeHash
        return state
    }

    /// Keys that may change when a run is resumed: they decide how long it runs, what is kept and what is looked at,
    /// but not what a step does.
    private static let free: Set<String> = [
        "training.checkpoint_every_steps", "training.keep_checkpoints", "evaluation.every_steps", "evaluation.depths",
        "evaluation.sequences", "logging.tensorboard", "logging.every_steps", "pretrain.model_folder",
    ]

    /// The first key whose values differ and would change the run's course.
    static func differingKey(_ stored: String, _ recipe: Recipe, source: String) throws -> String? {
        // Keys that recipes did not have yet when the run began count with their defaults.
        let old = try RecipeValue.table(toml: try Recipe(toml: stored, source: source).toml, source: source)
        let new = try RecipeValue.table(toml: try recipe.toml, source: "recipe")
        for section in Set(old.keys).union(new.keys).sorted() {
            guard case .table(let before)? = old[section], case .table(let after)? = new[section] else {
                return section
            }
            for key in Set(before.keys).union(after.keys).sorted() where before[key] != after[key] {
                let name = "\(section).\(key)"
                // More steps change nothing for the steps before, unless the learning rate's end hangs on them.
                if name == "training.max_steps" && recipe.schedule.totalSteps > 0 { continue }
                if !free.contains(name) { return name }
            }
        }
        return nil
    }
}

extension StoredParameters {
    /// The tensors of a safetensors file as a state dict.
    init(_ file: SafetensorsFile) {
        self.init(
            names: file.names, shape: { file.stored($0)?.shape }, read: { name, _ in try file.tensor(name) })
    }
}
