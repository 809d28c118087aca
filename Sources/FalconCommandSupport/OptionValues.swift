import Foundation

/// Lets values begin with a dash: `--prompt -3+5=?`.
///
/// The parser takes a word that begins with a dash for an option, and reports the value as missing. Here such a word
/// behind an option that takes a value is joined to it, `--prompt=-3+5=?`, unless it is an option of the command, or
/// so near to one that it is more likely mistyped: `--prompt --stream` lacks its value.
struct OptionValues {
    /// What `ParsableArguments._dumpHelp()` says of a command, as far as it is needed.
    private struct Dump: Decodable {
        let command: Command
    }

    private struct Command: Decodable {
        let commandName: String
        let arguments: [Argument]?
        let subcommands: [Command]?
        let defaultSubcommand: String?
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String

            /// As it is typed.
            var text: String { (kind == "long" ? "--" : "-") + name }
        }

        let kind: String
        let names: [Name]?
    }

    private let root: Command?

    /// - Parameter help: the command's description in JSON; where it cannot be read, words are left as they are.
    init(help: String) {
        root = try? JSONDecoder().decode(Dump.self, from: Data(help.utf8)).command
    }

    /// The command's arguments, with values that begin with a dash joined to their options.
    func joined(_ arguments: [String]) -> [String] {
        guard let root else { return arguments }
        var commands = [root]
        var (joined, index) = ([String](), 0)
        while index < arguments.count {
            let word = arguments[index]
            index += 1
            guard word != "--" else { return joined + [word] + arguments[index...] }
            if !word.hasPrefix("-") {
                if let inner = commands.last?.subcommands?.first(where: { $0.commandName == word }) {
                    commands.append(inner)
                }
                joined.append(word)
                continue
            }
            if index < arguments.count, takesValue(word, in: commands), isValue(arguments[index], in: commands) {
                joined.append(word + "=" + arguments[index])
                index += 1
            } else {
                joined.append(word)
                // The value of an option is no subcommand's name.
                if index < arguments.count, takesValue(word, in: commands), !arguments[index].hasPrefix("-") {
                    joined.append(arguments[index])
                    index += 1
                }
            }
        }
        return joined
    }

    /// The commands on the way to the one that is meant, and the one that stands in for a name that was left out.
    private func known(_ commands: [Command]) -> [Argument] {
        let last = commands.last
        let standIn = last?.subcommands?.first { $0.commandName == last?.defaultSubcommand }
        return (commands + [standIn].compactMap(\.self)).flatMap { $0.arguments ?? [] }
    }

    private func takesValue(_ word: String, in commands: [Command]) -> Bool {
        known(commands).contains { argument in
            argument.kind == "option" && (argument.names ?? []).contains { $0.text == word }
        }
    }

    /// Whether a word that begins with a dash is meant as a value.
    private func isValue(_ word: String, in commands: [Command]) -> Bool {
        guard word.hasPrefix("-"), word != "-", word != "--" else { return false }
        let name = word.prefix { $0 != "=" }
        let names = known(commands).flatMap { $0.names ?? [] }.map(\.text) + ["-h", "--help", "--version"]
        guard !names.contains(String(name)) else { return false }
        // Options are words of letters: `--strem` is a slip, `--5` and `--- a line` are not.
        guard name.hasPrefix("--"), name.dropFirst(2).first?.isLetter == true, !word.contains(where: \.isWhitespace)
        else { return true }
        return !names.contains { $0.hasPrefix("--") && OptionValues.distance(String(name), $0) <= 2 }
    }

    /// How many letters must be changed, added or left out to make one word of another.
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        // Words of very different lengths are far apart, and a prompt may be long.
        guard abs(left.count - right.count) <= 2 else { return 3 }
        var previous = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var row = [i + 1]
            for (j, other) in right.enumerated() {
                row.append(min(previous[j] + (letter == other ? 0 : 1), previous[j + 1] + 1, row[j] + 1))
            }
            previous = row
        }
        return previous[right.count]
    }
}
