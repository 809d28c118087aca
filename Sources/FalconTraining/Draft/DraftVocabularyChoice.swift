import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import Foundation

/// The draft vocabulary of a run: the tokens that the target says most, as many as the recipe asks for.
struct DraftVocabularyChoice {
    /// `nil`: the head ranks all tokens.
    let subset: VocabularySubset?
    /// What was chosen, for the log.
    let summary: String?

    /// Tokens for single bytes are taken along where they are no more than this share of the vocabulary.
    private static let byteShare = 0.25

    /// - Parameters:
    ///   - byteTokens: those that stand for one byte each.
    ///   - training: the sequences that it is counted over.
    ///   - heldOut: those that tell how much of other answers it covers.
    /// - Throws: `FileError` where the source is damaged, `RecipeError` where the recipe asks for too few tokens.
    init(
        recipe: Recipe, target: EmbeddingAndHead, byteTokens: [Int32], source: any FeatureSequences, training: [Int],
        heldOut: [Int]
    ) throws {
        let (size, coverage) = (recipe.draft.vocabularySize, recipe.draft.vocabularyCoverage)
        guard size > 0 || coverage > 0 else {
            (subset, summary) = (nil, nil)
            return
        }
        let vocabulary = target.configuration.vocabularySize
        func count(_ indices: [Int]) throws -> VocabularyCount {
            try VocabularyCount(source, indices, maxLength: recipe.data.maxLength, vocabulary: vocabulary)
        }
        // An answer must be able to end, and any text must be writable.
        let ends = Set(target.configuration.eosTokens.filter { Int($0) < vocabulary })
        let bytes = byteTokens.filter { Int($0) < vocabulary }
        let counted = try count(training)
        let chosen: VocabularySubset
        if size > 0 {
            guard size >= ends.count else {
                throw RecipeError(
                    source: "recipe", key: "draft.vocabulary_size",
                    problem: "is \(size), but the target has \(ends.count) tokens that end an answer; raise it")
            }
            let takesBytes = Double(bytes.count) <= DraftVocabularyChoice.byteShare * Double(size)
            chosen = counted.most(
                min(size, vocabulary), required: Array(takesBytes ? ends.union(bytes) : ends))
        } else {
            let bare = counted.fewest(coverage: coverage, required: Array(ends))
            let takesBytes = Double(bytes.count) <= DraftVocabularyChoice.byteShare * Double(bare.count)
            chosen = takesBytes ? counted.fewest(coverage: coverage, required: Array(ends.union(bytes))) : bare
        }
        guard !chosen.isWhole else {
            (subset, summary) = (nil, "draft vocabulary: all \(vocabulary) tokens")
            return
        }
        subset = chosen
        func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }
        let outside = heldOut.isEmpty ? nil : try count(heldOut)
        summary =
            "draft vocabulary: \(chosen.count) of \(vocabulary) tokens, \(percent(counted.coverage(of: chosen))) of "
            + "what the target says"
            + (outside.map { ", \(percent($0.coverage(of: chosen))) of the held-out answers" } ?? "")
    }
}
