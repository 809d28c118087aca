import FalconShards
import FalconTensor
import FalconTokenizer

/// What features are to be made of, and how they are to be stored.
package struct GenerationOptions: Sendable {
    /// The target model's folder, tokenizer included.
    package var target: String
    /// Chats as JSON, JSON lines, or either of them compressed with zstd (`.zst`).
    package var dataset: String
    /// The shards' folder; made where it is missing.
    package var output: String
    /// Tokens beyond this many are cut off.
    package var maxLength = 2048
    package var storage = FeatureStorage.bfloat16
    /// Of the target's products.
    package var arithmetic: ProductArithmetic? = .float32
    package var conversationsPerShard = 256
    /// The conversations to take, by their place in the data set; all where it is `nil`.
    package var range: ConversationRange?
    package var part = RunPart.whole
    /// The most bytes that the folder may take; rows beyond it are left out.
    package var budget: ByteAmount?
    /// How many of the target's most likely next tokens are stored with each token; see `TeacherStatistics`. `nil`
    /// stores none.
    package var teacherEntries: Int?
    /// Layers of the target whose hidden states are stored beside the features, ascending from 1 on; see
    /// `AuxiliaryFeatures`.
    package var auxiliaryLayers: [Int] = []
    /// zstd's compression level.
    package var zstdLevel = ShardWriter.usualLevel
    /// Whether a dialogue that repeats an earlier one word for word is left out.
    package var dropsDuplicates = false
    /// How the target answers the prompts itself; the data set's own answers are taken where it is `nil`.
    package var regeneration: RegenerationOptions?
    /// How the target writes the prompts itself, which needs no data set; they are answered by `regeneration`.
    package var selfPrompts: SelfPromptOptions?
    package var template = TemplateChoice()
    /// About how many tokens go through the target between two looks at the clock; `nil` picks it by the number of
    /// threads. It decides memory and pace, never the result.
    package var batchTokens: Int?

    package init(target: String, dataset: String, output: String) {
        (self.target, self.dataset, self.output) = (target, dataset, output)
    }

    /// For dialogues that the target writes itself.
    package init(target: String, selfPrompts: SelfPromptOptions, output: String) {
        self.init(target: target, dataset: SelfPrompts.path(output), output: output)
        (self.selfPrompts, regeneration) = (selfPrompts, RegenerationOptions())
    }
}

/// One of several processes that fill a folder together: part `number` of `count`, from 1.
package struct RunPart: Sendable, Equatable {
    package let number: Int
    package let count: Int

    package static let whole = RunPart(number: 1, count: 1)

    private init(number: Int, count: Int) { (self.number, self.count) = (number, count) }

    /// Reads "1/4"; `nil` for anything else than I/N with I in 1...N.
    package init?(_ text: String) {
        let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let number = numbers[0], let count = numbers[1], number >= 1, number <= count else {
            return nil
        }
        self.init(number: number, count: count)
    }

    /// Whether a shard is this part's to make. Every part can tell without talking to the others.
    package func owns(shard: Int) -> Bool { shard % count == number - 1 }
}

/// A range of conversations as a user writes it, "A:B" without B, either end left out or not.
package struct ConversationRange: Sendable, Equatable {
    package let first: Int
    package let end: Int?

    /// `nil` where the text is no such range, or an empty one.
    package init?(_ text: String) {
        let ends = text.split(separator: ":", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = ends[0].isEmpty ? 0 : Int(ends[0]), first >= 0 else { return nil }
        guard ends[1].isEmpty || Int(ends[1]).map({ $0 > first }) == true else { return nil }
        (self.first, end) = (first, Int(ends[1]))
    }

    /// The range in a data set of `count` conversations; what lies beyond it is cut off.
    package func range(in count: Int) -> Range<Int> { min(first, count)..<min(end ?? count, count) }
}
