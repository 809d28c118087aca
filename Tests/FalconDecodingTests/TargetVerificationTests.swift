import FalconModels
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconDecoding

/// One target pass over a whole tree against one plain forward pass for each path.
@Suite struct TargetVerificationTests {
    struct Case: Decodable {
        let target: String
        let k: Int
        let unique_nodes: [[Int]]
        let accepted_nodes: [Int]
        let accepted_tokens: [Int32]
        let next_token: Int32
    }

    @Test(arguments: ["verify_llama_gqa_small", "verify_qwen3_k3", "verify_mistral_8layer"])
    func `A tree is verified as the reference's separate passes verify its paths`(_ name: String) throws {
        guard let shared = Fixtures.sharedFolder() else { return }
        let folder = "\(shared)/fixtures/tree/\(name)"
        let expected = try JSONDecoder().decode(
            Case.self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/case.json")))
        let tensors = try Fixtures.tensors(folder + "/expected.safetensors")
        let integers = try Fixtures.integers(folder + "/expected.safetensors")
        func tokens(_ name: String) throws -> [Int32] { try #require(integers[name]).map { Int32($0) } }

        let pool = ThreadPool(threadCount: 2)
        let target = try TargetModel(folder: "\(shared)/fixtures/\(expected.target)", pool: pool)
        let tree = try TokenTree(name: name, blockSize: expected.k, paths: expected.unique_nodes)
        let prompt = try tokens("prompt_ids")
        let cache = target.makeCache(capacity: prompt.count + tree.nodes.count + 1)
        _ = target.forward(prompt, cache: cache, on: pool)
        let nodeTokens = try tokens("node_tokens")
        let features = target.forward(
            try tokens("root_token") + nodeTokens, parents: [-1] + tree.nodes.map { $0.parent + 1 }, cache: cache,
            on: pool)
        expectClose(features, try #require(tensors["final_hidden"]), absolute: 2e-4, name)
        expectClose(target.logits(features, on: pool), try #require(tensors["logits"]), absolute: 2e-4, name)

        let choices = target.greedyTokens(features, on: pool)
        #expect(try choices == tokens("argmax"))
        let verified = GreedyVerification(tree: tree, nodeTokens: nodeTokens, targetTokens: choices)
        #expect(verified.path == expected.accepted_nodes)
        #expect(verified.tokens == expected.accepted_tokens + [expected.next_token])
    }
}
