import FalconTensor
import Foundation

/// What one finished shard holds and where its part of the input went. Also kept beside the shard, as
/// `shard-00000.json`, from which any process can rebuild the manifest.
package struct ShardFacts: Sendable, Equatable, Codable {
    /// The shard's name in its folder.
    package let file: String
    package let sequences: Int
    package let tokens: Int
    /// Tokens that the loss mask marks.
    package let lossTokens: Int
    /// The file's length.
    package let bytes: Int
    package let sha256: String
    /// How many conversations of the input fell to this shard: `sequences`, `skipped` and `failed` add up to it.
    package let input: Int
    /// Conversations that cannot be used, counted by reason.
    package let skipped: [String: Int]
    /// Conversations that should have worked and did not, counted by reason.
    package let failed: [String: Int]

    enum CodingKeys: String, CodingKey {
        case file, sequences, tokens, bytes, sha256, input, skipped, failed
        case lossTokens = "loss_tokens"
    }

    package init(
        file: String, contents: ShardContents, sha256: String, skipped: [String: Int] = [:], failed: [String: Int] = [:]
    ) {
        (self.file, self.sha256, self.skipped, self.failed) = (file, sha256, skipped, failed)
        (sequences, tokens) = (contents.sequences, contents.tokens)
        (lossTokens, bytes) = (contents.lossTokens, contents.bytes)
        input = contents.sequences + skipped.values.reduce(0, +) + failed.values.reduce(0, +)
    }
}

/// `manifest.json`: the finished shards of a folder and how they were made.
package struct ShardManifest: Sendable, Equatable, Codable {
    package static let fileName = "manifest.json"
    private static let format = "falcon-manifest"

    private let format: String
    private let version: Int
    package let description: ShardDescription
    /// Everything else that decides what the shards hold (dataset, range, template, ...): a run with other settings
    /// must not add to the folder.
    package let settings: [String: String]
    /// In the order of their names.
    package let shards: [ShardFacts]

    package init(description: ShardDescription, settings: [String: String], shards: [ShardFacts]) {
        (format, version) = (ShardManifest.format, 1)
        (self.description, self.settings) = (description, settings)
        self.shards = shards.sorted { $0.file < $1.file }
    }

    /// - Throws: `FileError` where the folder has no manifest or it is damaged.
    package init(folder: String) throws {
        let path = (folder as NSString).appendingPathComponent(ShardManifest.fileName)
        guard FileManager.default.fileExists(atPath: path) else {
            throw FileError(folder, "has no \(ShardManifest.fileName); is it a folder that falcon-gen-data wrote?")
        }
        self = try ShardManifest.decode(ShardManifest.self, path)
        guard format == ShardManifest.format, version == 1 else {
            throw FileError(path, "is \(format) version \(version), not \(ShardManifest.format) version 1")
        }
        for facts in shards {
            guard ShardFolder.isShardName(facts.file) else { throw FileError(path, "names the shard \(facts.file)") }
            guard facts.sequences >= 0, facts.tokens >= 0, facts.bytes >= 0 else {
                throw FileError(path, "has a negative count for \(facts.file): damaged; make the shards again")
            }
        }
    }

    /// Sequences in all shards.
    package var sequenceCount: Int { shards.reduce(0) { $0 + $1.sequences } }
    /// Tokens in all shards.
    package var tokenCount: Int { shards.reduce(0) { $0 + $1.tokens } }

    func write(folder: String) throws {
        try ShardManifest.write(self, (folder as NSString).appendingPathComponent(ShardManifest.fileName))
    }

    static func write(_ value: some Encodable, _ path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(path, text: String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
        let file = try MappedFile(path: path)
        do {
            return try JSONDecoder().decode(type, from: Data(file.bytes(0..<file.count)))
        } catch let error as DecodingError {
            throw FileError(path, "is not what was written there: \(ShardManifest.words(error))")
        }
    }

    private static func words(_ error: DecodingError) -> String {
        let (context, problem): (DecodingError.Context, String) =
            switch error {
            case .keyNotFound(let key, let context): (context, "the key \(key.stringValue) is missing")
            case .typeMismatch(_, let context), .valueNotFound(_, let context): (context, "a value has the wrong type")
            case .dataCorrupted(let context): (context, "it cannot be read as JSON")
            @unknown default: (DecodingError.Context(codingPath: [], debugDescription: ""), "it cannot be read")
            }
        let keys = context.codingPath.map(\.stringValue).joined(separator: ".")
        return problem + (keys.isEmpty ? "" : " at \(keys)")
    }
}
