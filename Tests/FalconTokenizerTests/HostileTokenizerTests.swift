import FalconTestSupport
import FalconTokenizer
import Foundation
import Testing

@Suite struct HostileTokenizerTests {
    /// A small file that is right, in parts that a test can replace.
    private func file(
        vocabulary: String = #"{"a": 0, "b": 1, "ab": 2}"#, merges: String = #"["a b"]"#, added: String = "[]",
        normalizer: String = "null", preTokenizer: String = "null", decoder: String = "null", more: String = ""
    ) -> String {
        """
        {"added_tokens": \(added), "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer), \
        "decoder": \(decoder), "model": {"type": "BPE", \(more) "vocab": \(vocabulary), "merges": \(merges)}}
        """
    }

    private func message(_ json: String) -> String? {
        do {
            _ = try Tokenizer(json: Array(json.utf8), path: "tokenizer.json")
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `the small file itself is right`() throws {
        #expect(message(file()) == nil)
        #expect(try Tokenizer(json: Array(file().utf8), path: "t").encode("abba") == [2, 1, 0])
    }

    @Test(arguments: [
        ("", "is empty"), ("[]", "'model.vocab' is missing"), ("{}", "'model.vocab' is missing"),
        ("{\"model\": 3}", "'model.vocab' is missing"), ("{\"model\": {\"type\": \"Unigram\"}}", "only BPE is known"),
        (String(repeating: "[", count: 100_000), "nested deeper"), ("{\"model\"", "is not JSON"),
    ])
    func `a file of another kind is refused in one line that names the field`(json: String, expected: String) {
        let message = message(json) ?? ""
        #expect(message.contains(expected) && message.hasPrefix("tokenizer.json: "), "\(message)")
        #expect(!message.contains("\n"))
    }

    @Test func `wrong vocabularies, merges and added tokens are refused`() {
        let added = { (id: String, content: String) in #"[{"id": \#(id), "content": \#(content)}]"# }
        let cases: [(String, String)] = [
            (file(vocabulary: "[]"), "'model.vocab' should be an object"),
            (file(vocabulary: #"{"a": "0"}"#), "gives 'a' no integer id"),
            (file(vocabulary: #"{"a": 1.5}"#), "gives 'a' no integer id"),
            (file(vocabulary: #"{"a": -1}"#), "has the id -1"),
            (file(vocabulary: #"{"a": 4000000000}"#), "does not fit a vocabulary of 1 tokens"),
            (file(vocabulary: #"{"a": 9223372036854775807}"#), "does not fit"),
            (file(vocabulary: #"{"a": 0, "a": 1, "b": 2, "ab": 3}"#), "the key 'a' occurs twice"),
            (file(vocabulary: #"{"a": 0, "b": 0, "ab": 1}"#), "the id 0"),
            (file(merges: "{}"), "'model.merges' is missing or no list"),
            (file(merges: "[3]"), "entry 0"), (file(merges: #"["a b c"]"#), "entry 0"),
            (file(merges: #"["ab"]"#), "entry 0"),
            (file(merges: #"["a b", ["a"]]"#), "entry 1"), (file(merges: #"[["b", "a"]]"#), "is no token"),
            (file(merges: #"["a x"]"#), "is no token"),
            (file(added: "{}"), "'added_tokens' should be a list"),
            (file(added: added("0", "3")), "'added_tokens[0].content' should be a string"),
            (file(added: added("\"0\"", "\"<x>\"")), "'added_tokens[0].id' should be an integer"),
            (file(vocabulary: #"{"a": 1, "b": 2, "ab": 3}"#, added: added("4", "\"<x>\"")), "has no free id"),
            (file(added: added("3", "\"\"")), "is empty"),
            (file(more: #""unk_token": "<unk>","#), "is no token"),
            (file(more: #""continuing_subword_prefix": "@@","#), "is not supported"),
            (file(more: #""byte_fallback": 1,"#), "should be true or false"),
            (
                file(
                    added: #"[{"id": 3, "content": "\n", "normalized": true}]"#,
                    normalizer: #"{"type": "Strip", "strip_left": true, "strip_right": true}"#),
                "of the added token '\\n' the normalizer leaves nothing"
            ),
            (file(more: #""dropout": 1,"#), "'model.dropout' is not supported"),
            (file(more: #""dropout": 0.1,"#), "'model.dropout' is not supported"),
            (file(more: #""dropout": "0.1","#), "'model.dropout' is not supported"),
        ]
        for (json, expected) in cases {
            let message = message(json) ?? "no error for \(json)"
            #expect(message.contains(expected), "\(message)")
            #expect(!message.contains("\n"))
        }
    }

    @Test func `steps that are not known are refused by name`() {
        let split = { (pattern: String, behavior: String) in
            #"{"type": "Split", "pattern": {"Regex": "\#(pattern)"}, "behavior": "\#(behavior)", "invert": false}"#
        }
        let cases: [(String, String)] = [
            (file(normalizer: #"{"type": "Precompiled"}"#), "Precompiled"),
            (file(normalizer: #"{"type": 1}"#), "normalizer.type"),
            (file(normalizer: #"{"type": "NFKC"}"#), "NFKC"),
            (file(normalizer: #"{"type": "Replace", "content": ""}"#), "normalizer.pattern.String"),
            (
                file(normalizer: #"{"type": "Replace", "pattern": {"Regex": "(?<x>a)"}, "content": ""}"#),
                "'(?...' that is not supported"
            ),
            (file(preTokenizer: split("[[:alpha:]]+", "Isolated")), "a set within a set"),
            (file(preTokenizer: split("\\\\p{Han}", "Isolated")), "'\\p{Han}', which is not supported"),
            (file(preTokenizer: split("(a", "Isolated")), "has a '(' without ')'"),
            (file(preTokenizer: split("a)", "Isolated")), "has a ')' without '('"),
            (file(preTokenizer: split("(a*)*", "Isolated")), "repeats what can be empty"),
            (file(preTokenizer: split("(?:(?:a{1000}b){1000}){1000}", "Isolated")), "too long when unrolled"),
            (file(preTokenizer: split(String(repeating: "(", count: 5000), "Isolated")), "nested deeper than 50"),
            (file(preTokenizer: split("[z-a]", "Isolated")), "a range in a set that is none"),
            (file(preTokenizer: split("(?i:ss)", "Isolated")), "ignores case in 'ss'"),
            (file(preTokenizer: split("(?<=ab)c", "Isolated")), "looks behind for more than one character"),
            (file(preTokenizer: split("a", "Merged")), "'pre_tokenizer.behavior' is 'Merged'"),
            (file(preTokenizer: #"{"type": "BertPreTokenizer"}"#), "BertPreTokenizer"),
            (file(preTokenizer: #"{"type": "Metaspace", "replacement": "", "split": true}"#), "is empty"),
            (file(preTokenizer: #"{"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}"#), "last"),
            (file(decoder: #"{"type": "WordPiece"}"#), "WordPiece"),
            (file(decoder: #"{"type": "Strip", "content": " ", "start": 1, "stop": -2}"#), "decoder.stop"),
            (file(decoder: #"{"type": "Strip", "content": "ab", "start": 1, "stop": 0}"#), "should be one character"),
            (file(decoder: #"{"type": "Replace", "pattern": {"String": ""}, "content": ""}"#), "is empty"),
            (file(decoder: #"{"type": "Sequence", "decoders": [null]}"#), "decoder.decoders[0].type"),
        ]
        for (json, expected) in cases {
            let message = message(json) ?? "no error for \(json)"
            #expect(message.contains(expected), "\(message)")
        }
    }

    @Test func `a real file cut anywhere is refused`() throws {
        let path = Fixtures.folder + "/tokenizers/llama2/tokenizer.json"
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        for cut in stride(from: 0, to: bytes.count - 2, by: 1009) {
            #expect(throws: TokenizerError.self) { try Tokenizer(json: Array(bytes[..<cut]), path: path) }
        }
    }

    @Test func `a folder without the file says what to do`() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder.path) }
        #expect(error?.description.contains("tokenizer.json: no such file") == true)
    }

    /// As in Hugging Face tokenizers: what the vocabulary has keeps its id, the rest follows it.
    @Test func `added tokens get the next ids whatever the file says`() throws {
        let added = #"[{"id": 99999999, "content": "<x>"}, {"id": 1, "content": "<y>"}, {"id": 7, "content": "b"}]"#
        let tokenizer = try Tokenizer(json: Array(file(added: added).utf8), path: "t")
        #expect(tokenizer.encode("<y>b<x>") == [4, 1, 3])
        #expect(tokenizer.vocabularySize == 5)
    }

    /// Expressions that need exponential time where alternatives that failed are tried again.
    @Test func `an expression that goes back and back does not hang`() throws {
        for expression in ["(?:a|a)+b", "(?:a?a)+b", "a*a*a*a*a*b", "(?:(?:a|aa)+c?)+b"] {
            let split = #"{"type": "Split", "pattern": {"Regex": "\#(expression)"}, "behavior": "Isolated"}"#
            let tokenizer = try Tokenizer(json: Array(file(preTokenizer: split).utf8), path: "t")
            #expect(tokenizer.encode(String(repeating: "a", count: 120)) == [Int32](repeating: 0, count: 120))
        }
    }

    @Test func `texts of unknown characters neither trap nor hang`() throws {
        let tokenizer = try Tokenizer(json: Array(file().utf8), path: "t")
        #expect(tokenizer.encode("xyz\u{0}日本a") == [0])
        #expect(tokenizer.encode("") == [])
        #expect(tokenizer.decode([-1, 0, 7, 2, .max, .min], skippingSpecial: true) == "a ab")
    }
}
