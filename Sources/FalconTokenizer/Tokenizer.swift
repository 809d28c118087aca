import FalconDigest
import Foundation
import Synchronization

/// A Hugging Face tokenizer: text to tokens and back, exactly as `tokenizers` does it, for byte-pair models.
///
/// Byte-level models with the pre-tokenizers of GPT-2, Llama 3 and Qwen 2, and SentencePiece-style models with byte
/// fallback (Llama 2, Mistral, Vicuna). Special tokens named in a text are recognised; none is added to it.
/// May be used from several threads at once.
package final class Tokenizer: Sendable {
    /// One more than the highest id.
    package let vocabularySize: Int
    /// The SHA-256 of `tokenizer.json`, 64 hexadecimal digits.
    package let fingerprint: String

    let decoder: TokenDecoder
    private let definition: TokenizerDefinition
    /// Caches that no thread is using: each call takes one and gives it back.
    private let caches = Mutex<[WordCache]>([])

    /// Reads `tokenizer.json` in a model's folder.
    ///
    /// - Throws: `TokenizerError` naming the file and the field, where it is missing, broken, or of a kind not known.
    package convenience init(folder: String) throws {
        let path = folder + (folder.hasSuffix("/") ? "" : "/") + "tokenizer.json"
        guard FileManager.default.fileExists(atPath: path) else {
            throw TokenizerError(
                path, "no such file; a folder with only 'tokenizer.model' has to be converted by Hugging Face first")
        }
        try self.init(json: FileContent.bytes(of: path), path: path)
    }

    /// - Parameters:
    ///   - json: the content of a `tokenizer.json`.
    ///   - path: what errors call it.
    /// - Throws: `TokenizerError` naming `path` and the field.
    package init(json: [UInt8], path: String) throws {
        definition = try TokenizerDefinition(json: json, path: path)
        decoder = definition.decoder
        vocabularySize = definition.decoder.pieces.count
        fingerprint = SHA256Digest.hexadecimal(of: json)
    }

    /// The token spelled so in the vocabulary or among the added tokens, e.g. `<|im_end|>`.
    package func id(of token: String) -> Int32? {
        let spelling = Array(token.utf8)
        return definition.added.first { $0.content.utf8.elementsEqual(spelling) }?.id
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
