import FalconTOML
import Foundation

/// Everything that decides a training run: read from TOML, strictly, and printed back with every default filled in.
///
/// ```toml
/// [target]
/// path = "models/llama"
/// [draft]
/// block_size = 2
/// ```
package struct Recipe: Equatable, Sendable {
    package var target = TargetSection()
    package var data = DataSection()
    package var draft = DraftSection()
    package var glance = GlanceSection()
    package var noise = NoiseSection()
    package var loss = LossSection()
    /// Set where the recipe has a `[pretrain]` section: then it trains a target and the sections above are unused.
    package var pretrain: PretrainSection?
    package var model = ModelSection()
    package var optimizer = OptimizerSection()
    package var schedule = ScheduleSection()
    package var training = TrainingSection()
    package var evaluation = EvaluationSection()
    package var logging = LoggingSection()

    /// The defaults: the paper's training of a draft head.
    package init() {}

    /// Reads a recipe file.
    ///
    /// - Parameters:
    ///   - path: a TOML file.
    ///   - settings: `section.key=value` each, as given with `--set`; they replace what the file says.
    /// - Throws: `RecipeError` with one line that names the key.
    package init(path: String, settings: [String] = []) throws {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw RecipeError(source: path, key: "", problem: "no such file, or not readable")
        }
        try self.init(toml: Array(bytes), source: path, settings: settings)
    }

    /// Reads a recipe from TOML text; see `init(path:settings:)`. `source` is named in errors.
    package init(toml: String, source: String, settings: [String] = []) throws {
        try self.init(toml: Array(toml.utf8), source: source, settings: settings)
    }

    private init(toml: [UInt8], source: String, settings: [String]) throws {
        var sections: [String: TOMLTable] = [:]
        for (name, value) in try Recipe.table(toml, source: source).members {
            guard case .table(let entries) = value else {
                throw RecipeError(
                    source: source, key: name, problem: "stands outside every section; write [section] above it")
            }
            sections[name] = entries
        }
        var given: Set<String> = []
        for setting in settings {
            let (section, key, value) = try Recipe.parse(setting: setting)
            sections[section, default: TOMLTable()][key] = value
            given.insert("\(section).\(key)")
        }
        if sections[PretrainSection.name] != nil { pretrain = PretrainSection() }

        var names: [String] = []
        try forEachSection { section in
            let name = type(of: section).name
            names.append(name)
            let entries = sections.removeValue(forKey: name) ?? TOMLTable()
            var reader = RecipeReader(section: name, entries: entries) { key in
                given.contains("\(name).\(key)") ? RecipeError.setting : source
            }
            try section.fields(&reader)
            try reader.finish()
        }
        if let unknown = sections.keys.min() {
            let isGiven = sections[unknown]?.keys.contains { given.contains("\(unknown).\($0)") } ?? false
            throw RecipeError(
                source: isGiven ? RecipeError.setting : source, key: "[\(unknown)]",
                problem: "is not a section of this recipe" + NearestName.suggestion(for: unknown, among: names))
        }
        try check { key in given.contains(key) ? RecipeError.setting : source }
    }

    /// The whole recipe as TOML, every field with its value. Reading it back gives an equal recipe.
    package var toml: String {
        get throws {
            var writer = RecipeWriter()
            var copy = self
            try copy.forEachSection { try writer.section($0) }
            return writer.toml
        }
    }

    /// Visits the sections that this kind of recipe has, in the order in which they are printed.
    mutating func forEachSection(_ body: (inout any RecipeSection) throws -> Void) throws {
        func visit<Section: RecipeSection>(_ section: inout Section) throws {
            var existential: any RecipeSection = section
            try body(&existential)
            if let changed = existential as? Section { section = changed }
        }
        if var pretrain {
            try visit(&pretrain)
            self.pretrain = pretrain
            try visit(&model)
        } else {
            try visit(&target)
            try visit(&data)
            try visit(&draft)
            try visit(&glance)
            try visit(&noise)
            try visit(&loss)
        }
        try visit(&optimizer)
        try visit(&schedule)
        try visit(&training)
        try visit(&evaluation)
        try visit(&logging)
    }

    /// What no single field can know.
    ///
    /// - Parameter source: where a key's value came from.
    private func check(source: (_ key: String) -> String) throws {
        /// - Parameter others: further keys that are to blame.
        func refuse(_ key: String, _ problem: String, _ others: String...) -> RecipeError {
            RecipeError(
                source: ([key] + others).map(source).first { $0 == RecipeError.setting } ?? source(key), key: key,
                problem: problem)
        }
        try checkSlices { refuse($0, $1, "training.slices") }
        if pretrain != nil {
            if model.hidden % (2 * model.heads) != 0 {
                throw refuse(
                    "model.hidden", "must be a multiple of twice model.heads, but is \(model.hidden)", "model.heads")
            }
            if model.heads % model.keyValueHeads != 0 {
                throw refuse(
                    "model.key_value_heads", "must divide model.heads, but is \(model.keyValueHeads)", "model.heads")
            }
            return
        }
        do {
            _ = try evaluation.chain(blockSize: draft.blockSize)
        } catch {
            throw refuse("evaluation.depths", "makes no chain: \(error)", "draft.block_size")
        }
        do {
            _ = try evaluation.tree(blockSize: draft.blockSize)
        } catch {
            throw refuse("evaluation.tree", "cannot be used: \(error)", "draft.block_size")
        }
        do {
            _ = try evaluation.decodedTree(blockSize: draft.blockSize)
        } catch {
            throw refuse("evaluation.decode_tree", "cannot be used: \(error)", "draft.block_size")
        }
        if draft.vocabularySize > 0 && draft.vocabularyCoverage > 0 {
            throw refuse(
                "draft.vocabulary_size", "and draft.vocabulary_coverage are two ways to say the same; give one of them",
                "draft.vocabulary_coverage")
        }
        if glance.enabled && draft.blockSize < 2 {
            throw refuse(
                "glance.enabled", "needs draft.block_size of at least 2; set it to false for block_size 1",
                "draft.block_size")
        }
        guard glance.showsTruth || !glance.lossOnGlanced else {
            throw refuse(
                "glance.shows_truth",
                "= false and glance.loss_on_glanced = true leave nothing of glancing; set glance.enabled to false",
                "glance.loss_on_glanced")
        }
        guard loss.featureWeight > 0 || loss.distillWeight > 0 else {
            throw refuse(
                "loss.feature_weight",
                "and loss.distill_weight are both 0, so that nothing would be learned; give one "
                    + "of them a weight", "loss.distill_weight")
        }
        guard loss.softLoss == .divergence || loss.temperature == 1 else {
            throw refuse(
                "loss.temperature", "is of soft_loss = \"divergence\" alone; set one of them back", "loss.soft_loss")
        }
        guard loss.softLoss != .divergence || loss.divergenceShare == 0 else {
            throw refuse(
                "loss.divergence_share",
                "is of soft_loss = \"total_variation\" and \"acceptance\"; without them all is the divergence",
                "loss.soft_loss")
        }
        if loss.teacher == .stored {
            guard loss.temperature == 1, loss.hardLabel != .sample else {
                throw refuse(
                    "loss.teacher",
                    "can only be \"stored\" with loss.temperature = 1 and without hard_label = \"sample\"",
                    "loss.temperature", "loss.hard_label")
            }
            guard data.source == .shards else {
                throw refuse("loss.teacher", "can only be \"stored\" with data.source = \"shards\"", "data.source")
            }
        }
        if data.source == .online && data.dataset.isEmpty {
            throw refuse(
                "data.dataset", "must name the chats that data.source = \"online\" makes features of", "data.source")
        }
    }

    /// Reads a recipe's TOML, whatever its keys are.
    ///
    /// - Throws: `RecipeError` with the line and column of the first mistake.
    static func table(_ toml: [UInt8], source: String) throws -> TOMLTable {
        do {
            return try TOMLValue.parse(toml)
        } catch {
            throw RecipeError(source: source, key: "", problem: "is not TOML at \(error)")
        }
    }

    /// `section.key=value`, where the value is TOML, or else a text without quotes.
    private static func parse(setting: String) throws -> (section: String, key: String, value: TOMLValue) {
        func refuse() -> RecipeError {
            RecipeError(source: RecipeError.setting, key: setting, problem: "is not of the form section.key=value")
        }
        guard let equals = setting.firstIndex(of: "=") else { throw refuse() }
        let name = setting[..<equals].split(separator: ".", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        let written = setting[setting.index(after: equals)...].trimmingCharacters(in: .whitespaces)
        guard name.count == 2, !name[0].isEmpty, !name[1].isEmpty else { throw refuse() }
        let parsed = try? TOMLValue.parse("value = \(written)")
        return (name[0], name[1], parsed?["value"] ?? .text(written))
    }
}
