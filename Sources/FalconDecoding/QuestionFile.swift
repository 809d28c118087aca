import Foundation

/// Finds the question files that papers compare on by their names.
///
/// They lie in this repository's `Datasets`. A file is looked for in the folder that the environment variable
/// `FALCON_DATASETS` names, then in `Datasets` of the working folder, each under the name of the set and as EAGLE's
/// repository has it:
///
///     FALCON_DATASETS/mt_bench.jsonl     FALCON_DATASETS/mt_bench/question.jsonl
///     Datasets/mt_bench.jsonl            Datasets/mt_bench/question.jsonl
package enum QuestionFile: String, CaseIterable, Sendable {
    case mtBench = "mt-bench"
    case humanEval = "humaneval"
    case gsm8k

    /// What the files are called, without their ending.
    private var fileName: String { rawValue.replacingOccurrences(of: "-", with: "_") }

    /// The file that `--dataset` means: a path as it is, a name looked up.
    ///
    /// - Parameters:
    ///   - environment: the process's.
    ///   - ownFolder: looked in last.
    /// - Throws: `DecodingError` where a name is known but no such file is there, saying where it was looked for.
    package static func path(
        _ option: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        ownFolder: String = "Datasets"
    ) throws -> String {
        guard let set = QuestionFile(rawValue: option), !FileManager.default.fileExists(atPath: option) else {
            return option
        }
        let named = environment["FALCON_DATASETS"].flatMap { $0.isEmpty ? nil : $0 }
        let candidates = ([named].compactMap { $0 } + [ownFolder]).flatMap { folder in
            ["\(set.fileName).jsonl", "\(set.fileName)/question.jsonl"].map {
                (folder as NSString).appendingPathComponent($0)
            }
        }
        guard let found = candidates.first(where: FileManager.default.fileExists) else {
            throw DecodingError.noQuestionFile(name: option, candidates: candidates)
        }
        return found
    }
}
