import FalconDraft
import FalconJSON
import FalconTensor
import FalconTestSupport
import FalconWeights
import Foundation
import Testing

/// A draft vocabulary in a head's files: written, read again, and refused where it is none.
@Suite struct DraftVocabularyTests {
    static let vocabulary = 24
    static let tokens: [Int32] = [0, 2, 3, 7, 11, 23]

    /// A head that ranks six of 24 tokens, in a folder of its own.
    private func head() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let target = ModelConfiguration(
            vocabularySize: Self.vocabulary, hiddenSize: 8, layerCount: 1, headCount: 2, intermediateSize: 12)
        var random = RandomSource(seed: 1)
        let network = try DraftNetwork(
            DraftConfiguration(target: target, blockSize: 2), .random(RandomSource(seed: 2)),
            embedding: StoredMatrix(Tensor(normal: 1, [Self.vocabulary, 8], from: &random)),
            vocabulary: VocabularySubset(Self.tokens, of: Self.vocabulary))
        try network.write(folder: folder.path)
        return folder
    }

    @Test func `It is read again as it was written, in EAGLE-3's form`() throws {
        let folder = try head()
        let read = try DraftFolder(path: folder.path)
        try read.check()
        #expect(read.vocabulary?.tokens == Self.tokens && read.configuration.draftVocabularySize == 6)
        #expect(try JSONValue(path: folder.file("config.json")).object?["draft_vocabulary_size"] == .integer(6))
        let weights = try WeightFolder(path: folder.path)
        #expect(weights.storedType(of: "d2t") == .int64 && weights.shape(of: "d2t") == [6])
        #expect(try weights.integers("d2t") == Self.tokens.enumerated().map { Int64($0.element) - Int64($0.offset) })
        #expect(weights.storedType(of: "t2d") == .boolean && weights.shape(of: "t2d") == [Self.vocabulary])
        #expect(
            try weights.integers("t2d") == (0..<Int32(Self.vocabulary)).map { Self.tokens.contains($0) ? 1 : 0 })
        let network = try DraftNetwork(folder: folder.path)
        #expect(network.vocabulary?.tokens == Self.tokens)
        try network.load(file: folder.file("model.safetensors"))
        #expect(network.parameters.all.allSatisfy { !DraftVocabularyTests.isMap($0.name) })
    }

    private static func isMap(_ name: String) -> Bool { name == "d2t" || name == "t2d" }

    @Test func `A run that counted other tokens does not go on from it`() throws {
        let (folder, other) = (try head(), try head())
        var random = RandomSource(seed: 1)
        let network = try DraftNetwork(
            DraftFolder(path: folder.path).configuration, weightsIn: folder.path,
            embedding: StoredMatrix(Tensor(normal: 1, [Self.vocabulary, 8], from: &random)),
            vocabulary: VocabularySubset([1, 2, 3, 7, 11, 23], of: Self.vocabulary))
        let error = #expect(throws: FileError.self) { try network.load(file: other.file("model.safetensors")) }
        #expect(error?.problem.contains("another draft vocabulary") == true)
    }

    /// Rewrites the two tensors and config.json of a head.
    private func changed(
        differences: [Int64]?, mask: [Bool]?, size: JSONValue? = .integer(6), metadata: Bool = true,
        integers: [(name: String, values: [Int64], shape: [Int])] = []
    ) throws -> TemporaryFolder {
        let folder = try head()
        let weights = try WeightFolder(path: folder.path)
        let tensors = try weights.names.filter { !Self.isMap($0) }.map { ($0, try weights.tensor($0)) }
        let noted = weights.metadata
        try SafetensorsWriter.write(
            folder.file("model.safetensors"), tensors: tensors,
            integers: (differences.map { [("d2t", $0, [$0.count])] } ?? []) + integers,
            masks: mask.map { [("t2d", $0)] } ?? [], metadata: metadata ? noted : [:])
        var object = try #require(JSONValue(path: folder.file("config.json")).object)
        object["draft_vocabulary_size"] = size
        try folder.write(JSONValue.object(object).text(), to: "config.json")
        return folder
    }

    private static let right = tokens.enumerated().map { Int64($0.element) - Int64($0.offset) }
    private static let mask = (0..<Int32(vocabulary)).map { tokens.contains($0) }

    /// What is wrong, in one line, and the same from whatever opens the head.
    private func problem(_ folder: TemporaryFolder) throws -> String {
        let pool = ThreadPool(threadCount: 1)
        let opened = #expect(throws: FileError.self) { try DraftHead(folder: folder.path, pool: pool) }
        let network = #expect(throws: FileError.self) { try DraftNetwork(folder: folder.path) }
        let text = try #require(opened).description
        #expect(!text.contains("\n") && text.hasPrefix(folder.path))
        #expect(try #require(network).problem == opened?.problem)
        return text
    }

    @Test func `What is no draft vocabulary is refused in one line`() throws {
        var moved = Self.right
        func with(_ index: Int, _ value: Int64) -> [Int64] {
            moved = Self.right
            moved[index] = value
            return moved
        }
        var lacking = Self.mask
        lacking[7] = false
        var lavish = Self.mask
        lavish[8] = true
        let cases: [(what: String, folder: TemporaryFolder, words: [String])] = [
            (
                "too short", try changed(differences: Array(Self.right.dropLast()), mask: Self.mask),
                ["d2t", "[5]", "[6]"]
            ),
            ("a short mask", try changed(differences: Self.right, mask: Array(Self.mask.dropLast())), ["t2d", "[23]"]),
            ("below all tokens", try changed(differences: with(2, -3), mask: Self.mask), ["d2t[2]", "-1", "24"]),
            ("beyond all tokens", try changed(differences: with(5, 19), mask: Self.mask), ["d2t[5]", "24"]),
            ("beyond all numbers", try changed(differences: with(5, .max), mask: Self.mask), ["d2t[5]", "outside"]),
            ("twice", try changed(differences: with(1, 2), mask: Self.mask), ["d2t[2]", "token 3", "second time"]),
            ("not in the mask", try changed(differences: Self.right, mask: lacking), ["t2d[7]", "false"]),
            ("only in the mask", try changed(differences: Self.right, mask: lavish), ["t2d[8]", "true"]),
            ("no map", try changed(differences: nil, mask: Self.mask), ["'d2t' is missing"]),
            ("no mask", try changed(differences: Self.right, mask: nil), ["'t2d' is missing"]),
            ("neither", try changed(differences: nil, mask: nil), ["'d2t' is missing", "6"]),
            (
                "no size", try changed(differences: Self.right, mask: Self.mask, size: nil),
                ["draft_vocabulary_size", "6"]
            ),
            (
                "another size", try changed(differences: Self.right, mask: Self.mask, size: .integer(7)),
                ["d2t", "[6]", "[7]"]
            ),
            (
                "a mask of numbers",
                try changed(
                    differences: Self.right, mask: nil, integers: [("t2d", Self.mask.map { $0 ? 1 : 0 }, [24])]),
                ["t2d", "int64"]
            ),
            (
                "somebody else's", try changed(differences: Self.right, mask: Self.mask, size: nil, metadata: false),
                ["EAGLE-3"]
            ),
        ]
        for (what, folder, words) in cases {
            let text = try problem(folder)
            for word in words { #expect(text.contains(word), "\(what): \(text)") }
        }
        for size in [JSONValue.integer(0), .integer(25), .integer(-1), .string("6"), .number(2.5)] {
            let text = try problem(changed(differences: Self.right, mask: Self.mask, size: size))
            #expect(text.contains("draft_vocabulary_size"), "\(text)")
        }
    }
}
