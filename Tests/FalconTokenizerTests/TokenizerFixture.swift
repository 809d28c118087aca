import FalconJSON
import FalconTestSupport
import FalconTokenizer
import Foundation

/// A golden tokenizer: its files, and what Hugging Face's libraries make of them.
struct TokenizerFixture: CustomStringConvertible {
    let name: String
    let folder: String

    /// The subset that every checkout has, and all cases where the shared fixtures are there.
    static func all(_ names: [String]) -> [TokenizerFixture] {
        var fixtures = names.map { TokenizerFixture(name: $0, folder: Fixtures.folder + "/tokenizers/" + $0) }
        if let shared = Fixtures.shared {
            fixtures += names.map { TokenizerFixture(name: $0, folder: shared + "/fixtures/tokenizers/" + $0) }
        }
        return fixtures
    }

    var description: String { name }

    func tokenizer() throws -> Tokenizer {
        // Vicuna has Llama 2's tokenizer.
        try Tokenizer(folder: name == "vicuna" ? folder.replacingOccurrences(of: "vicuna", with: "llama2") : folder)
    }

    func json(_ file: String) throws -> JSONValue {
        try JSONParser.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: folder + "/" + file))))
    }
}

extension JSONValue {
    var ids: [Int32] { (array ?? []).compactMap { $0.integer.map { Int32($0) } } }
    var list: [JSONValue] { array ?? [] }
    var text: String { string ?? "" }
}

/// Whether two strings have the same bytes: Swift's `==` takes canonically equivalent ones for equal.
func isSame(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
}
