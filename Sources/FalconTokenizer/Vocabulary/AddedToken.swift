/// A token that is recognised in text as a whole, before words are cut: special ones such as `<|im_end|>`, and others.
struct AddedToken: Sendable, Equatable {
    var content: String
    /// Whether decoding may leave it out.
    var isSpecial = false
    /// Whether it takes the white space before it along.
    var stripsLeft = false
    /// Whether it takes the white space after it along.
    var stripsRight = false
    /// Whether it is looked for in normalised text rather than in the text as given.
    var isNormalized = false
    /// Whether it counts only where no word character touches it.
    var isSingleWord = false

    /// All that is said of it, for a digest.
    var summary: String {
        let flags = [isSpecial, stripsLeft, stripsRight, isNormalized, isSingleWord].map { $0 ? "1" : "0" }
        return flags.joined() + " " + content
    }

    /// By their bytes: Swift's strings are equal where they are canonically equivalent.
    static func == (left: AddedToken, right: AddedToken) -> Bool {
        left.content.utf8.elementsEqual(right.content.utf8) && left.isSpecial == right.isSpecial
            && left.stripsLeft == right.stripsLeft && left.stripsRight == right.stripsRight
            && left.isNormalized == right.isNormalized && left.isSingleWord == right.isSingleWord
    }
}

extension AddedToken {
    /// Reads an entry of `added_tokens`, `added_tokens_decoder` or the like.
    ///
    /// - Parameter isSpecial: what the entry is taken to say of it; `nil`: what it says itself.
    /// - Throws: `TokenizerError` naming the field.
    init(_ field: JSONField, isSpecial: Bool? = nil) throws {
        let content = try field["content"].string()
        guard !content.isEmpty else { throw field["content"].error("is empty") }
        let special = try isSpecial ?? field["special"].boolean(otherwise: false)
        self.init(
            content: content, isSpecial: special,
            stripsLeft: try field["lstrip"].boolean(otherwise: false),
            stripsRight: try field["rstrip"].boolean(otherwise: false),
            isNormalized: try field["normalized"].boolean(otherwise: !special),
            isSingleWord: try field["single_word"].boolean(otherwise: false))
    }
}
