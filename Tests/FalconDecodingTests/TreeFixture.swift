import FalconTestSupport
import Foundation

@testable import FalconDecoding

/// One case of `Tests/Fixtures/tree`: a list of paths and what a brute-force reading of it gives.
struct TreeFixture: Decodable {
    struct Source: Decodable { let draft_pass, block, slot, rank, row: Int }
    struct Pass: Decodable {
        let draft_pass: Int
        let blocks: [[Int]]
        let parent_block: [Int]
        let token_index_in_previous_pass: [[Int]]
        let visible_blocks: [String]
    }
    struct Layout: Decodable {
        let sorted_choices: [[Int]]
        let attention_mask: [String]
        let position_ids: [Int]
        let token_index: [Int]
    }

    let name: String
    let k, top_k, max_depth, draft_forward_passes, draft_rows_total: Int
    let choices, unique_nodes, root_to_leaf: [[Int]]
    let parent, depth: [Int]
    let node_source: [Source]
    let ancestors_and_self: [[Int]]?
    let draft_passes: [Pass]?
    let verify_listed: Layout?

    static let names = ["k1_chain_and_branch", "k2_small", "k2_ragged", "k3_small", "k4_small", "kmask2_8layer_tree"]

    static func read(_ name: String) throws -> TreeFixture {
        try JSONDecoder().decode(
            TreeFixture.self, from: Data(contentsOf: URL(fileURLWithPath: "\(Fixtures.folder)/tree/\(name).json")))
    }

    var tree: TokenTree { get throws { try TokenTree(name: name, blockSize: k, paths: choices) } }
}
