import ArgumentParser
import FalconCommandSupport
import FalconTraining

struct InspectRecipe: FalconCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipe",
        abstract: "Lists the keys of recipes, or checks a recipe and prints it with every default filled in.",
        discussion: """
            Examples:
              falcon-inspect recipe
              falcon-inspect recipe Recipes/glance.toml

            Without a file each key stands with its default and the values that it takes; docs/recipes.md says what
            they mean.
            """)

    @Argument(help: "A recipe, a TOML file.")
    var recipe: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        guard let recipe else {
            for line in try RecipeKeys.lines { try StandardOutput.print(line) }
            return
        }
        try StandardOutput.write(try Recipe(path: recipe).toml)
    }
}
