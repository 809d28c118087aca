import FalconDraft
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconDecoding

/// Tree drafting against the authors' draft head (and, where its recurrence runs over the batch, against plain
/// forward passes), with the LM head and the prefix of the fixture.
@Suite struct TreeDraftTests {
    struct Case: Decodable {
        let drafter, tree, lstm: String
        let prefix: Int
    }

    struct Fixture {
        let tree: TokenTree
        let head: DraftHead
        let features: Tensor
        let nextTokens: [Int32]
        let expected: [String: Tensor]
        let nodeTokens: [Int32]
        let isAligned: Bool

        init(_ name: String, pool: ThreadPool) throws {
            let folder = "\(Fixtures.folder)/tree/\(name)"
            let description = try JSONDecoder().decode(
                Case.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/case.json")))
            let treeName = (description.tree as NSString).lastPathComponent
            tree = try TreeFixture.read((treeName as NSString).deletingPathExtension).tree
            head = try DraftHead(
                folder: "\(Fixtures.folder)/\(description.drafter)",
                fusion: description.lstm == "over_time" ? .lstm : .gated, pool: pool)
            expected = try Fixtures.tensors(folder + "/expected.safetensors")
            let integers = try Fixtures.integers(folder + "/expected.safetensors")
            features = try #require(expected["hidden_states"])
            nextTokens = try #require(integers["input_ids"]).dropFirst().map { Int32($0) }
            nodeTokens = try #require(integers["node_tokens"]).map { Int32($0) }
            isAligned = description.prefix % tree.blockSize == 0
        }
    }

    static let names = [
        "drafting_k2_mha", "drafting_k3_gqa", "drafting_k4_gqa", "drafting_k2_mha_over_time",
        "drafting_k3_gqa_over_time",
    ]

    @Test(arguments: names)
    func `A tree is filled with the fixture's tokens`(_ name: String) throws {
        let pool = ThreadPool(threadCount: 1)
        let fixture = try Fixture(name, pool: pool)
        let size = fixture.features.rowCount
        // Where the prefix is whole blocks both alignments are the same; elsewhere the fixture's starts at 0.
        for alignment in fixture.isAligned ? [DraftSession.Alignment.start, .newest] : [.start] {
            let session = DraftSession(
                head: fixture.head, capacity: size, branchRows: fixture.tree.draftRowCount, alignment: alignment)
            session.extend(
                features: fixture.features.reshaped([size, fixture.features.width]), nextTokens: fixture.nextTokens,
                on: pool)
            let headWeight = try #require(fixture.expected["head.weight"])
            var logits: [Tensor] = []
            let choice = TokenChoice(.greedy, prompt: [], pool: pool)
            let drafts = DraftsTogether(
                [.init(session, .tree(fixture.tree), choice)], on: pool,
                logits: { features in
                    logits.append(Tensor.product(features, headWeight, transposed: (false, true), on: pool))
                    return logits[logits.count - 1]
                })
            let draft = drafts.parts[0].draft()
            #expect(draft.tokens == fixture.nodeTokens)
            // Rows from which the tree takes nothing are not ranked.
            let rows = fixture.tree.candidatesPerRow.flatMap { $0 }.enumerated().filter { $0.element > 0 }.map(\.offset)
            let largest = Tensor.stacked(logits).largest(20).flatMap { $0.map(\.value) }
            expectClose(
                Tensor(largest, [rows.count, 20]), try #require(fixture.expected["topk_logit"]).rows(rows),
                absolute: 1e-4, "\(name), aligned to \(alignment)")
        }
    }
}
