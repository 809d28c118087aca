import FalconDecoding
import FalconDigest
import FalconTensor

/// How the target writes dialogues of its own.
package struct SelfPromptOptions: Sendable {
    /// Dialogues wanted.
    package var count: Int
    /// How the users' turns are drawn.
    package var sampling = SamplingRule(temperature: 1)
    /// A system message at the start of each dialogue.
    package var system: String?
    /// The most questions of a dialogue.
    package var turns = 1
    /// The most tokens of a question; one that does not end within them is dropped.
    package var maxTokens = 256

    package init(count: Int) { self.count = count }

    /// What decides the dialogues, beside the target, for the manifest.
    var setting: String {
        "\(count) dialogues of \(counted(turns, "turn")), \(drawing)"
    }

    /// What decides a first question.
    var drawing: String {
        "temperature \(sampling.temperature), top_k \(sampling.topK), top_p \(sampling.topP), seed \(sampling.seed), "
            + "max_prompt_tokens \(maxTokens), system "
            + (system.map { String(SHA256Digest.hexadecimal(of: Array($0.utf8)).prefix(16)) } ?? "none")
    }

    /// First questions that are tried at most. More would be wasted on a model that does not write any of use.
    var attemptLimit: Int { 4 * count + 100 }
}
