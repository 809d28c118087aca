import FalconDigest
import Foundation
import Synchronization

/// A Hugging Face tokenizer: text to tokens and back, exactly as `tokenizers` does it, for byte-pair models.
///
/// Byte-level models, and SentencePiece-style models with byte fallback (Llama 2, Mistral, Gemma). Special tokens named
/// in a text are recognised; none is added to it.
/// May be used from several threads at once.
package final class Tokenizer: Sendable {
    /// One more than the highest id.
    package let vocabularySize: Int
    /// The SHA-256 of `tokenizer.json` and of the tokens that other files add to it, or of a GGUF file's vocabulary;
    /// 64 hexadecimal digits.
    package let fingerprint: String

    let decoder: TokenDecoder
    private let definition: TokenizerDefinition
    /// Caches that no thread is using: each call takes one and gives it back.
    private let caches = Mutex<[WordCache]>([])

    /// Reads `tokenizer.json` in a model's folder, and the tokens that only the files beside it name.
    ///
    /// - Throws: `TokenizerError` naming the file and the field, where it is missing, broken, or of a kind not known.
    package convenience init(folder: String) throws {
        let path = folder + (folder.hasSuffix("/") ? "" : "/") + "tokenizer.json"
        guard FileManager.default.fileExists(atPath: path) else {
            throw TokenizerError(
                path, "no such file; a folder with only 'tokenizer.model' has to be converted by Hugging Face first")
        }
        try self.init(json: FileContent.bytes(of: path), path: path, others: AddedTokenFiles(folder: folder))
    }

    /// - Parameters:
    ///   - json: the content of a `tokenizer.json`.
    ///   - path: what errors call it.
    /// - Throws: `TokenizerError` naming `path` and the field.
    package convenience init(json: [UInt8], path: String) throws {
        try self.init(json: json, path: path, others: nil)
    }

    /// - Parameters:
    ///   - vocabulary: a tokenizer as the metadata of a GGUF file describes it.
    ///   - name: what errors call the file.
    /// - Throws: `TokenizerError` naming `name` and the key, where it is broken or of a kind not known.
    package convenience init(vocabulary: GGUFVocabulary, name: String) throws {
        self.init(try TokenizerDefinition(vocabulary, file: name), content: vocabulary.content)
    }

    private convenience init(json: [UInt8], path: String, others: AddedTokenFiles?) throws {
        let (definition, further) = try TokenizerDefinition.read(json: json, path: path, others: others)
        self.init(definition, content: json + further)
    }

    /// - Parameter content: what the tokenizer is made of, for its fingerprint.
    private init(_ definition: TokenizerDefinition, content: [UInt8]) {
        self.definition = definition
        decoder = definition.decoder
        vocabularySize = definition.decoder.pieces.count
        fingerprint = SHA256Digest.hexadecimal(of: content)
    }

    /// The token spelled so in the vocabulary or among the added tokens, e.g. `<|im_end|>`.
    package func id(of token: String) -> Int32? {
        let spelling = Array(token.utf8)
        return definition.added.first { $0.token.content.utf8.elementsEqual(spelling) }?.id
            ?? definition.model.id(spelling: spelling)
    }

    /// Whether decoding with `skippingSpecial` leaves this id out.
    package func isSpecial(_ id: Int32) -> Bool {
        decoder.isSpecial.indices.contains(Int(id)) && decoder.isSpecial[Int(id)]
    }

    /// The tokens of a text; special tokens named in it are recognised, none is added. O(n log n) at worst.
    package func encode(_ text: String) -> [Int32] {
        var ids: [Int32] = []
        forEachToken(of: text, tracksOrigins: false) { id, _ in ids.append(id) }
        return ids
    }

    /// The tokens of a text and the bytes that each comes from.
    package func encodeWithSpans(_ text: String) -> (ids: [Int32], spans: [Range<Int>]) {
        var ids: [Int32] = []
        var spans: [Range<Int>] = []
        forEachToken(of: text, tracksOrigins: true) { id, span in
            ids.append(id)
            spans.append(span)
        }
        return (ids, spans)
    }

    /// The text of tokens. Ids outside the vocabulary give nothing; broken UTF-8 becomes U+FFFD.
    package func decode(_ ids: [Int32], skippingSpecial: Bool) -> String {
        var stream = StreamingDecoder(self, skippingSpecial: skippingSpecial)
        var text = ""
        for id in ids { text += stream.append(id) }
        return text + stream.finish()
    }

    private func forEachToken(
        of text: String, tracksOrigins: Bool, _ body: (_ id: Int32, _ span: Range<Int>) -> Void
    ) {
        var cache = caches.withLock { $0.popLast() } ?? WordCache()
        definition.forEachToken(of: Array(text.utf8), tracksOrigins: tracksOrigins, &cache, body)
        let used = cache
        caches.withLock { $0.append(used) }
    }
}
