import FalconTensor
import FalconTestSupport
import Testing

@testable import FalconDraft

/// The cached drafting form against the authors' draft head, fed at once and in chunks.
@Suite struct DraftSessionFixtureTests {
    /// A draft head with the inputs and outputs of `Tests/Fixtures/drafter`.
    struct Fixture {
        let head: DraftHead
        let features: Tensor
        let tokens: [Int32]
        let suffix: String
        private let tensors: [String: Tensor]
        let firstChunk: Int

        init(_ name: String, _ fusion: FusionKind, pool: ThreadPool) throws {
            let folder = "\(Fixtures.folder)/drafter/\(name)"
            head = try DraftHead(folder: folder, fusion: fusion, pool: pool)
            tensors = try Fixtures.tensors(folder + "/io.safetensors")
            let integers = try Fixtures.integers(folder + "/io.safetensors")
            tokens = try #require(integers["b1.input_ids"]).map { Int32($0) }
            firstChunk = Int(try #require(integers["cache.first_chunk"])[0])
            suffix = fusion == .lstm ? "over_time" : "over_batch"
            let input = try #require(tensors["b1.hidden_states"])
            features = input.reshaped([tokens.count, input.width])
        }

        func output(_ name: String) throws -> Tensor {
            let tensor = try #require(tensors["\(name).\(suffix)"])
            return tensor.reshaped([tensor.rowCount, tensor.width])
        }
    }

    static let cases: [(name: String, fusion: FusionKind)] = DrafterFixture.names.flatMap {
        [($0, FusionKind.gated), ($0, .lstm)]
    }

    @Test(arguments: cases)
    func `The newest block of a sequence is predicted as by the authors' draft head`(
        _ name: String, _ fusion: FusionKind
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let fixture = try Fixture(name, fusion, pool: pool)
        let expected = try fixture.output("b1.out")
        let size = fixture.head.blockSize
        // Every length that ends with a whole block has the same mask as the full sequence.
        for end in stride(from: size, through: fixture.tokens.count, by: size) {
            let session = DraftSession(head: fixture.head, capacity: end, branchRows: 0)
            session.extend(
                features: fixture.features.rows(0..<end), nextTokens: Array(fixture.tokens[..<end]), on: pool)
            let block = try #require(session.firstBlock(on: pool))
            expectClose(block, expected.rows(end - size..<end), absolute: 5e-5, "\(name) up to \(end)")
        }
    }

    @Test(arguments: cases)
    func `A second chunk sees the first through the cache`(_ name: String, _ fusion: FusionKind) throws {
        let pool = ThreadPool(threadCount: 1)
        let fixture = try Fixture(name, fusion, pool: pool)
        let size = fixture.head.blockSize
        let session = DraftSession(
            head: fixture.head, capacity: fixture.tokens.count, branchRows: 0, alignment: .start)
        var start = 0
        for (chunk, end) in [(1, fixture.firstChunk), (2, fixture.tokens.count)] {
            session.extend(
                features: fixture.features.rows(start..<end), nextTokens: Array(fixture.tokens[start..<end]), on: pool)
            let block = try #require(session.firstBlock(on: pool))
            let expected = try fixture.output("cache.out\(chunk)").rows(end - start - size..<end - start)
            expectClose(block, expected, absolute: 5e-5, "\(name), chunk \(chunk)")
            start = end
        }
    }
}
