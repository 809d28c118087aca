import FalconDecoding
import FalconDigest
import FalconTensor
import FalconTokenizer

/// What heads are compared on, and how they decode.
package struct ComparisonOptions: Sendable {
    /// The model folder or GGUF file.
    package var target: String
    /// As `falcon-infer --tree` takes them.
    package var trees: [String]
    /// As `falcon-infer --dataset` takes them.
    package var questions: [String]
    /// The folder of the report and of what is measured.
    package var output: String
    /// The most dialogues of each file, from its start; `nil`: all.
    package var limit: Int?
    /// So many dialogues of each file, evenly spread over it; `nil`: as `limit` says.
    package var sample: Int?
    package var maximumTokens = 512
    /// The name of the head that all are compared with.
    package var base: String?
    /// As the target is stored where they are `nil`.
    package var precision, draftPrecision: ProductArithmetic?
    package var sampling = SamplingRule.greedy
    /// Whether n-grams of the text add to the heads' trees.
    package var addsLookup = false
    package var allowsOtherTarget = false
    package var template = TemplateChoice("auto")
    /// How long `auto` and `dynamic` measure rounds before the first question of a file.
    package var planSeconds = 3.0

    package init(target: String, trees: [String], questions: [String], output: String) {
        (self.target, self.trees, self.questions, self.output) = (target, trees, questions, output)
    }

    /// What decides the plain answers, beside the questions.
    func plainKey(fingerprint: String, template: ChatTemplate) -> String {
        let settings = template.settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let rule = "\(sampling.temperature) \(sampling.topK) \(sampling.topP) \(sampling.seed)"
        return [fingerprint, "\(maximumTokens)", precision?.rawValue ?? "", rule, settings.joined(separator: " ")]
            .joined(separator: "\n")
    }

    /// What further decides the measurements of a head.
    var draftKey: String { [draftPrecision?.rawValue ?? "", "\(addsLookup)"].joined(separator: "\n") }
}

/// Names of files that hold what belongs together, and nothing else.
enum ComparisonFile {
    /// `WORDS-DIGEST`: words for people, with nothing in them that a file's name may not have, and what tells the file
    /// from those of other settings.
    static func name(_ words: [String], key: [String]) -> String {
        let text = words.joined(separator: "_").unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            return isPlain || "-_.".unicodeScalars.contains(scalar) ? Character(scalar) : "-"
        }
        let digest = SHA256Digest.hexadecimal(of: Array((words + key).joined(separator: "\u{0}").utf8))
        return "\(String(text.prefix(80)))-\(digest.prefix(12)).jsonl"
    }
}
