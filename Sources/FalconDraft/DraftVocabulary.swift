import FalconTensor
import FalconWeights

/// How a draft vocabulary lies in files, in EAGLE-3's form:
///
///     d2t  int64 [N]   the token behind draft token d is d + d2t[d]
///     t2d  bool  [V]   whether a token of the target has a draft token
///
/// `config.json` says N, as `draft_vocabulary_size`.
package enum DraftVocabulary {
    static let differences = "d2t"
    static let mask = "t2d"
    package static let key = "draft_vocabulary_size"

    /// Whether a tensor of this name belongs to a draft vocabulary.
    package static func contains(_ name: String) -> Bool { name == differences || name == mask }

    /// The tensors for a file.
    package static func tensors(
        _ subset: VocabularySubset?
    ) -> (integers: [(name: String, values: [Int64])], masks: [(name: String, values: [Bool])]) {
        guard let subset else { return ([], []) }
        let moved = subset.tokens.enumerated().map { Int64($0.element) - Int64($0.offset) }
        return (
            [(differences, moved)], [(mask, (0..<subset.vocabulary).map { subset.contains(Int32($0)) })]
        )
    }

    /// Reads what the weights say.
    ///
    /// - Parameters:
    ///   - size: the configuration's; `nil` where it has none.
    ///   - vocabulary: how many tokens the target has.
    /// - Returns: `nil` for a head that ranks all tokens.
    /// - Throws: `FileError` where the two tensors are not of a vocabulary of that size, in one line.
    package static func read(_ weights: WeightFolder, size: Int?, vocabulary: Int) throws -> VocabularySubset? {
        func refuse(_ problem: String) -> FileError { FileError(weights.path, problem) }
        let stored = [differences, mask].filter(weights.contains)
        guard let size else {
            guard let name = stored.first else { return nil }
            let count = weights.shape(of: differences)?.first ?? 0
            throw refuse(
                "tensor '\(name)' is of a draft vocabulary, but config.json has no \(key): add \"\(key)\": \(count)")
        }
        guard stored.count == 2 else {
            throw refuse(
                "tensor '\(stored.isEmpty ? differences : stored[0] == mask ? differences : mask)' is missing: "
                    + "config.json has a \(key) of \(size), the weights must say which tokens those are; export the "
                    + "head again")
        }
        let moved = try integers(differences, [size], in: weights)
        let inside = try integers(mask, [vocabulary], in: weights)
        var tokens: [Int32] = []
        tokens.reserveCapacity(size)
        var seen = [Bool](repeating: false, count: vocabulary)
        for (number, difference) in moved.enumerated() {
            let (token, isTooLarge) = Int64(number).addingReportingOverflow(difference)
            guard !isTooLarge, (0..<Int64(vocabulary)).contains(token) else {
                throw refuse(
                    "\(differences)[\(number)] is \(difference): draft token \(number) would be token "
                        + "\(isTooLarge ? "" : "\(token) ")outside the vocabulary of \(vocabulary)")
            }
            guard !seen[Int(token)] else {
                throw refuse("\(differences)[\(number)] makes token \(token) a draft token for the second time")
            }
            seen[Int(token)] = true
            tokens.append(Int32(token))
        }
        if let token = seen.indices.first(where: { seen[$0] != (inside[$0] != 0) }) {
            throw refuse(
                "\(mask)[\(token)] is \(inside[token] != 0), but \(differences) has \(seen[token] ? "a" : "no") draft "
                    + "token for it")
        }
        return VocabularySubset(tokens, of: vocabulary)
    }

    private static func integers(_ name: String, _ shape: [Int], in weights: WeightFolder) throws -> [Int64] {
        let stored = try weights.stored(name, shape: shape)
        let isRight = name == mask ? stored.type == .boolean : stored.type == .int64
        guard isRight else {
            throw FileError(
                weights.path,
                "tensor '\(name)' holds \(stored.type.rawValue) values, not \(name == mask ? "boolean" : "int64") ones")
        }
        return try stored.integers()
    }
}
