import FalconDecoding
import FalconDigest
import Foundation

/// A question file's dialogues, as far as they are asked.
package struct QuestionSet: Sendable {
    /// The file's name without folder and ending.
    package let name: String
    package let path: String
    package let dialogues: [PromptDialogue]
    /// Rows that are left out, a line each.
    package let problems: [String]
    /// Of what is asked: answers to other questions do not count.
    let digest: String

    /// - Parameters:
    ///   - option: a path, or a name that `QuestionFile` knows.
    ///   - limit: the most dialogues, from the start.
    ///   - sample: so many, evenly spread over the file.
    /// - Throws: `DecodingError`, `FileError` or `TokenizerError` where there is no such file, or none of questions.
    package init(_ option: String, limit: Int?, sample: Int?) throws {
        path = try QuestionFile.path(option)
        name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let (read, problems) = try PromptDialogue.read(path, limit: limit)
        self.problems = problems
        dialogues = sample.map { QuestionSet.spread(read, $0) } ?? read
        let asked = dialogues.map { dialogue in
            let words = [dialogue.id, "\(dialogue.preface)", "\(dialogue.variables)"] + dialogue.turns
            return words.joined(separator: "\u{0}")
        }
        digest = SHA256Digest.hexadecimal(of: Array(asked.joined(separator: "\u{1}").utf8))
    }

    /// So many elements, evenly spread; all where there are no more.
    static func spread<Element>(_ all: [Element], _ count: Int) -> [Element] {
        guard count < all.count else { return all }
        return (0..<count).map { all[($0 + 1) * all.count / count - 1] }
    }
}
