import Foundation

/// A command's page of the manual (section 1, troff's `man` macros), made of its help: `COMMAND --generate-manual`,
/// which `Scripts/install.sh` calls.
struct ManualPage {
    static let option = "--generate-manual"

    /// What `ParsableArguments._dumpHelp()` says of a command.
    private struct Dump: Decodable {
        let command: Command
    }

    private struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let discussion: String?
        let arguments: [Argument]?
        let subcommands: [Command]?
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        let kind: String
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let defaultValue: String?
        let shouldDisplay: Bool
        let isOptional: Bool
        let isRepeating: Bool

        /// As it is typed: `-h, --help`, `--seed <seed>`, `<figures>`.
        var typed: String {
            let value = "<\(valueName ?? "value")>"
            guard let names, !names.isEmpty else { return value }
            let words = names.map { ($0.kind == "long" ? "--" : "-") + $0.name }.joined(separator: ", ")
            return kind == "option" ? words + " " + value : words
        }
    }

    private let command: Command
    private let version: String

    /// - Parameter help: the command's description in JSON.
    init(help: String, version: String) throws {
        command = try JSONDecoder().decode(Dump.self, from: Data(help.utf8)).command
        self.version = version
    }

    var text: String {
        let title = command.commandName.uppercased().replacingOccurrences(of: " ", with: "-")
        var lines = [
            ".TH \(title) 1 \"\" \"falcon \(ManualPage.escaped(version))\"", ".SH NAME",
            "\(ManualPage.escaped(command.commandName)) \\- \(ManualPage.escaped(command.abstract ?? ""))",
            ".SH SYNOPSIS", ManualPage.synopsis(command, named: command.commandName), ".SH DESCRIPTION",
        ]
        lines += ManualPage.verbatim(command.discussion)
        lines += [".SH OPTIONS"] + ManualPage.options(command)
        for inner in command.subcommands ?? [] where inner.commandName != "help" {
            let name = "\(command.commandName) \(inner.commandName)"
            lines += [".SH \(name.uppercased())", ManualPage.escaped(inner.abstract ?? ""), ".PP"]
            lines += [ManualPage.synopsis(inner, named: name)] + ManualPage.verbatim(inner.discussion)
            lines += ManualPage.options(inner)
        }
        lines += [".SH EXIT STATUS", "0 done, 64 wrong usage, 1 anything else."]
        return lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }

    private static func synopsis(_ command: Command, named name: String) -> String {
        let needed = (command.arguments ?? []).filter {
            $0.shouldDisplay && !["version", "help"].contains($0.valueName)
        }
        let words = needed.map { argument in
            let typed = escaped(argument.typed + (argument.isRepeating ? " ..." : ""))
            return argument.isOptional ? "[\(typed)]" : typed
        }
        let inner = command.subcommands?.isEmpty == false ? ["<subcommand>"] : []
        return "\\fB\(escaped(name))\\fR " + (words + inner).joined(separator: " ")
    }

    private static func options(_ command: Command) -> [String] {
        (command.arguments ?? []).filter(\.shouldDisplay).flatMap { argument in
            let standing = argument.defaultValue.map { " (default: \($0))" } ?? ""
            return [".TP", "\\fB\(escaped(argument.typed))\\fR", escaped((argument.abstract ?? "") + standing)]
        }
    }

    /// Examples keep their lines.
    private static func verbatim(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return [".PP", ".nf"] + text.components(separatedBy: "\n").map { $0.isEmpty ? ".sp" : escaped($0) } + [".fi"]
    }

    /// Text that troff prints as it is: no line of it is a request, and dashes can be copied.
    private static func escaped(_ text: String) -> String {
        let plain = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
        return plain.components(separatedBy: "\n").map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : $0 }
            .joined(separator: "\n")
    }
}
