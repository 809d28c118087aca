import FalconCluster

/// Which slices of each batch a process works on, where the recipe cuts batches into slices.
package struct SliceShare: Sendable, Equatable {
    /// This process's.
    package let slices: Range<Int>
    /// Of a batch.
    package let count: Int
    /// Batches of a step.
    package let accumulation: Int

    /// The slices under MPI where the recipe names no number.
    package static let usualCount = 8

    /// All slices of a recipe; `nil` where it has none.
    init?(_ recipe: Recipe) {
        guard recipe.training.slices > 0 else { return nil }
        (slices, count) = (0..<recipe.training.slices, recipe.training.slices)
        accumulation = recipe.training.accumulation
    }

    /// A rank's part of them: neighbours, so that each rank's sum is a whole branch of the tree.
    init?(_ recipe: Recipe, rank: Int, of size: Int) {
        guard let all = SliceShare(recipe) else { return nil }
        slices = all.count * rank / size..<all.count * (rank + 1) / size
        (count, accumulation) = (all.count, all.accumulation)
    }
}

extension Recipe {
    /// The recipe as several ranks train it: with slices, and enough of them.
    ///
    /// - Throws: `RecipeError` in one line.
    func shared(by cluster: any ClusterCommunicator) throws -> Recipe {
        var recipe = self
        if recipe.training.slices == 0 { recipe.training.slices = max(SliceShare.usualCount, cluster.size) }
        try recipe.checkSlices { RecipeError(source: "mpirun", key: $0, problem: $1) }
        guard cluster.size > 1, recipe.training.slices < cluster.size else { return recipe }
        throw RecipeError(
            source: "mpirun", key: "training.slices",
            problem:
                "is \(recipe.training.slices), too few for \(cluster.size) ranks; set it to \(cluster.size) or more, "
                + "or start fewer ranks")
    }

    /// - Throws: `RecipeError` where the recipe names an exchange of gradients, and neither it nor mpirun has slices.
    func checkExchange() throws {
        guard training.slices == 0, training.gradientExchange != .float32 else { return }
        throw RecipeError(
            source: "recipe", key: "training.gradient_exchange",
            problem: "is of gradients of slices, and there are none; set training.slices, or start it by mpirun")
    }

    /// What slices cannot do.
    func checkSlices(_ refuse: (_ key: String, _ problem: String) -> RecipeError) throws {
        guard training.slices > 0 else { return }
        guard training.slices & (training.slices - 1) == 0 else {
            throw refuse(
                "training.slices", "must be a power of two, as slices are summed two by two, but is \(training.slices)")
        }
        if pretrain == nil, glance.enabled, glance.schedule.followsBatch {
            throw refuse(
                "glance.schedule",
                "cannot be \"\(glance.schedule.rawValue)\" with training.slices: it goes by the whole batch, and a "
                    + "slice knows only itself"
            )
        }
    }
}
