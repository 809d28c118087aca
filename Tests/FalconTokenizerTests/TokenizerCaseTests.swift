import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

/// Small tokenizers with every kind of step in any order, with tokens that only the files beside them name, and what
/// Hugging Face's libraries make of texts and ids with them.
@Suite struct TokenizerCaseTests {
    private static let document =
        (try? JSONParser.parse(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.folder + "/tokenizer_cases/cases.json")))))
        ?? .null

    /// `tokenizer.json` and its like in a folder of their own.
    private func tokenizer(_ test: JSONValue) throws -> Tokenizer {
        let name = test["vocabulary"]?.text ?? ""
        let leftOut = Set((test["left_out"]?.list ?? []).map { Array($0.text.utf8) })
        var vocabulary = JSONObject()
        let tokens = Self.document["vocabularies"]?[name]?.list ?? []
        for token in tokens where !leftOut.contains(Array(token.text.utf8)) {
            vocabulary[token.text] = .integer(vocabulary.members.count)
        }
        var model = JSONObject()
        model["type"] = .string("BPE")
        model["vocab"] = .object(vocabulary)
        model["merges"] = Self.document["merges"]?[name]
        for member in test["model"]?.object?.members ?? [] { model[member.key] = member.value }
        var content = test["sections"]?.object ?? JSONObject()
        content["model"] = .object(model)
        let folder = try TemporaryFolder()
        try folder.write(JSONValue.object(content).text(), to: "tokenizer.json")
        for file in test["files"]?.object?.members ?? [] { try folder.write(file.value.text(), to: file.key) }
        return try Tokenizer(folder: folder.path)
    }

    @Test func `texts have the tokens that Hugging Face gives them, and tokens the texts`() throws {
        let cases = Self.document["cases"]?.list ?? []
        #expect(cases.count == 150)
        for (number, test) in cases.enumerated() {
            let tokenizer = try tokenizer(test)
            for entry in test["texts"]?.list ?? [] {
                let text = entry.list[0].text
                let ids = tokenizer.encode(text)
                #expect(ids == entry.list[1].ids, "case \(number), \(text.debugDescription)")
                #expect(tokenizer.encodeWithSpans(text).ids == ids)
            }
            for entry in test["decoded"]?.list ?? [] {
                let ids = entry.list[0].ids
                let skips = entry.list[1].boolean ?? false
                let expected = entry.list[2].text
                let decoded = tokenizer.decode(ids, skippingSpecial: skips)
                #expect(isSame(decoded, expected), "case \(number), \(ids): \(decoded.debugDescription)")
                var stream = StreamingDecoder(tokenizer, skippingSpecial: skips)
                let pieces = ids.map { stream.append($0) } + [stream.finish()]
                #expect(isSame(pieces.joined(), expected), "case \(number), streamed")
            }
        }
    }

    @Test func `a token that another file adds changes the fingerprint, and one that is there already does not`() throws
    {
        let folder = try TemporaryFolder()
        let content = #"""
            {"added_tokens": [{"id": 2, "content": "<s>", "special": true, "normalized": false}],
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}
            """#
        try folder.write(content, to: "tokenizer.json")
        let alone = try Tokenizer(folder: folder.path)
        #expect(try alone.fingerprint == Tokenizer(json: Array(content.utf8), path: "t").fingerprint)
        try folder.write(#"{"bos_token": "<s>", "added_tokens_decoder": {}}"#, to: "tokenizer_config.json")
        #expect(try Tokenizer(folder: folder.path).fingerprint == alone.fingerprint)
        try folder.write(#"{"bos_token": "<s>", "pad_token": "<pad>"}"#, to: "tokenizer_config.json")
        let more = try Tokenizer(folder: folder.path)
        #expect(more.fingerprint != alone.fingerprint)
        #expect(more.encode("a<pad>b<s>") == [0, 3, 1, 2])
        #expect(more.vocabularySize == 4 && more.isSpecial(3))
    }

    @Test(arguments: [
        ("tokenizer_config.json", "[]", "is a list, and no object"),
        ("tokenizer_config.json", "{", "is not JSON"),
        ("tokenizer_config.json", #"{"added_tokens_decoder": []}"#, "'added_tokens_decoder' should be an object"),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "y"}}}"#, "the key 'x'"),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"7": {"content": 3}}}"#, "should be a string"),
        ("tokenizer_config.json", #"{"added_tokens_decoder": {"7": {}}}"#, "'added_tokens_decoder.7.content'"),
        ("tokenizer_config.json", #"{"extra_special_tokens": 3}"#, "'extra_special_tokens' should be a list"),
        ("tokenizer_config.json", #"{"split_special_tokens": true}"#, "'split_special_tokens' is true"),
        ("special_tokens_map.json", #"{"eos_token": {"lstrip": true}}"#, "'eos_token.content' is missing"),
        ("added_tokens.json", #"{"<x>": "7"}"#, "'<x>' should be an integer"),
        ("added_tokens.json", "3", "no object"),
        ("added_tokens.json", #"{"<x>": 7, "<y>": 7}"#, "gives '<x>' and '<y>' the id 7"),
    ])
    func `broken files beside it are refused in one line`(name: String, content: String, expected: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(
            #"{"added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#, to: "tokenizer.json")
        try folder.write(content, to: name)
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder.path) }
        let message = error?.description ?? ""
        #expect(message.contains(name) && message.contains(expected) && !message.contains("\n"), "\(message)")
    }
}
