import FalconJSON
import FalconTemplates
import Foundation

/// Which template a user asks for, and what it is given besides the messages: the options `--template`,
/// `--template-arguments` and `--now`.
package struct TemplateChoice: Sendable, Equatable {
    /// `auto` for the model's own, the name of a `ChatStyle`, of one of the model's templates, or a `.jinja` file.
    package var name = "auto"
    /// Further variables of the template.
    package var arguments = JSONObject()
    /// What templates take for the time, "2026-03-05T09:07:03"; this computer's clock where it is `nil`.
    package var now: String?

    package init() {}

    package init(_ name: String) { self.name = name }

    /// Reads `--template-arguments`.
    ///
    /// - Throws: `TokenizerError` where the text is no JSON object.
    package init(_ name: String, arguments: String?, now: String?) throws {
        self.name = name
        if let arguments {
            guard let object = try? JSONParser.parse(Array(arguments.utf8)).object else {
                throw TokenizerError(
                    "--template-arguments",
                    "is no JSON object, such as '{\"enable_thinking\": false}': \(arguments.prefix(60))")
            }
            self.arguments = object
        }
        if let now {
            guard TemplateClock(now) != nil else {
                throw TokenizerError("--now", "is '\(now)'; give a date and time such as 2026-03-05T09:07:03")
            }
            self.now = now
        }
    }

    /// What is wrong with the name, for a model's folder; `nil` where it may be right.
    package func problem(folder: String) -> String? {
        let own = (try? ModelTemplate(folder: folder))?.source?.array?.compactMap { $0["name"]?.string } ?? []
        let known = TemplateChoice.names + own
        guard !known.contains(name), !name.hasSuffix(".jinja"), !FileManager.default.fileExists(atPath: name) else {
            return nil
        }
        return "--template \(name): give \(known.joined(separator: ", ")) or a file that ends in .jinja."
    }

    /// Names that every model has.
    package static let names = ["auto"] + ChatStyle.allCases.map(\.rawValue)

    /// This computer's time as `now` takes it, to the second.
    package static func currentTime() -> String {
        let parts = Calendar.current.dateComponents([.year, .month, .day, .hour, .minute, .second], from: Date())
        func two(_ number: Int?) -> String { ((number ?? 0) < 10 ? "0" : "") + "\(number ?? 0)" }
        return "\(parts.year ?? 2026)-\(two(parts.month))-\(two(parts.day))T"
            + "\(two(parts.hour)):\(two(parts.minute)):\(two(parts.second))"
    }
}
