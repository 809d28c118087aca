import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@testable import FalconDraft
import FalconJSON

/// The cached drafting form against the training form, over random heads of every kind.
@Suite struct DraftSessionTests {
    static let shapes: [(blockSize: Int, fusion: FusionKind, layers: Int, newestPair: Bool)] =
        (1...4).flatMap { blockSize in
            FusionKind.allCases.flatMap { fusion in
                [(1, false), (2, false), (1, true), (2, true)].map { (blockSize, fusion, $0.0, $0.1) }
            }
        }

    /// A random head in both forms, and a random sequence for it.
    struct Forms {
        let network: DraftNetwork
        let head: DraftHead
        let features: Tensor
        let tokens: [Int32]
        let folder: TemporaryFolder

        init(
            _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ newestPair: Bool = false, correction: Int = 0,
            length: Int, pool: ThreadPool
        ) throws {
            folder = try TemporaryFolder()
            var random = RandomSource(seed: UInt64(blockSize * 10 + layers), stream: UInt64(fusion.rawValue.count))
            let document: JSONObject = try #require(
                try JSONValue(
                    path: folder.write(
                        """
                        {"architectures": ["LlamaForCausalLM"], "vocab_size": 30, "hidden_size": 16,
                         "intermediate_size": 24, "num_hidden_layers": \(layers), "num_attention_heads": 4,
                         "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "k_mask": \(blockSize),
                         "max_position_embeddings": 128, "fusion": "\(fusion.rawValue)", "qkv_bias": true,
                         "newest_pair": \(newestPair), \(correction > 0 ? "\"correction_rank\": \(correction)," : "")
                         "initializer_range": 0.3}
                        """, to: "config.json")
                ).object)
            let configuration = try DraftConfiguration(document, path: "config.json")
            network = try DraftNetwork(
                configuration, .random(random), embedding: StoredMatrix(Tensor(normal: 1, [30, 16], from: &random)))
            // New weights are small and norms are one: make every part of the head matter.
            for parameter in network.parameters.all where parameter.isTrainable {
                parameter.value.add(Tensor(normal: 0.2, parameter.value.shape, from: &random))
            }
            try network.write(folder: folder.path)
            head = try DraftHead(folder: folder.path, pool: pool)
            features = Tensor(normal: 1, [length, 16], from: &random)
            tokens = (0..<length).map { _ in Int32(random.below(30)) }
        }

        /// The training form's last k rows over the first `count` positions and then `extra` ones.
        func expected(
            _ count: Int, extra: [(features: Tensor, tokens: [Int32])] = [], on pool: ThreadPool
        ) -> Tensor {
            let rows = Tensor.stacked([features.rows(0..<count)] + extra.map(\.features))
            let nextTokens = tokens[..<count] + extra.flatMap(\.tokens)
            let all = network.features(
                rows.reshaped([1, rows.rowCount, 16]), nextTokens: [Array(nextTokens)], lengths: [rows.rowCount],
                on: pool)
            return all.rows(rows.rowCount - head.blockSize..<rows.rowCount)
        }
    }

    @Test(arguments: shapes)
    func `A sequence that comes in any pieces is predicted as the training form predicts it`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ newestPair: Bool
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let forms = try Forms(blockSize, fusion, layers, newestPair, length: 24, pool: pool)
        let session = DraftSession(head: forms.head, capacity: 24, branchRows: 0)
        var end = 0
        for piece in [1, 1, 5, 2, 3, 4, 1, 2, 5] {
            session.extend(
                features: forms.features.rows(end..<end + piece), nextTokens: Array(forms.tokens[end..<end + piece]),
                on: pool)
            end += piece
            guard end >= blockSize else {
                #expect(session.firstBlock(on: pool) == nil)
                continue
            }
            let block = try #require(session.firstBlock(on: pool))
            // Asking again changes nothing.
            #expect(session.firstBlock(on: pool) == block)
            if end % blockSize == 0 {
                expectClose(block, forms.expected(end, on: pool), absolute: 1e-4, relative: 1e-4, "\(end) positions")
            }
            let atOnce = DraftSession(head: forms.head, capacity: 24, branchRows: 0)
            atOnce.extend(features: forms.features.rows(0..<end), nextTokens: Array(forms.tokens[..<end]), on: pool)
            #expect(atOnce.firstBlock(on: pool) == block, "\(end) positions in pieces and at once")
        }
    }

    @Test(arguments: shapes.filter { $0.layers == 1 && !$0.newestPair })
    func `The newest block sees every position, wherever whole blocks would end`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _: Bool
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let forms = try Forms(blockSize, fusion, layers, length: 11, pool: pool)
        for end in blockSize...11 {
            let session = DraftSession(head: forms.head, capacity: 11, branchRows: 0)
            session.extend(features: forms.features.rows(0..<end), nextTokens: Array(forms.tokens[..<end]), on: pool)
            // In one layer a row depends on what it sees alone; in one block of all positions it sees them all.
            var whole = forms.network.configuration
            whole.blockSize = end
            let parameters = StoredParameters(try WeightFolder(path: forms.folder.path))
            let network = try DraftNetwork(whole, .stored(parameters))
            let expected = network.features(
                forms.features.rows(0..<end).reshaped([1, end, 16]), nextTokens: [Array(forms.tokens[..<end])],
                lengths: [end], on: pool)
            expectClose(
                try #require(session.firstBlock(on: pool)), expected.rows(end - blockSize..<end), absolute: 1e-4,
                relative: 1e-4, "\(end) positions")
        }
    }

    @Test(arguments: shapes)
    func `Branches of a tree see their own path alone, and leave no trace`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ newestPair: Bool
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let count = 3 * blockSize
        let forms = try Forms(blockSize, fusion, layers, newestPair, length: count + blockSize, pool: pool)
        let session = DraftSession(head: forms.head, capacity: count + blockSize, branchRows: 5 * blockSize)
        session.extend(features: forms.features.rows(0..<count), nextTokens: Array(forms.tokens[..<count]), on: pool)
        let first = try #require(session.firstBlock(on: pool))

        func tokens(_ start: Int) -> [Int32] { (0..<blockSize).map { Int32((start + 7 * $0) % 30) } }
        func rows(_ block: Int, of features: Tensor) -> Tensor {
            features.rows(block * blockSize..<(block + 1) * blockSize)
        }
        let second = session.expand([(0, tokens(1)), (0, tokens(2)), (0, tokens(3))], on: pool)
        let third = session.expand([(3, tokens(4)), (1, tokens(5))], on: pool)
        for (block, start) in [(0, 1), (1, 2), (2, 3)] {
            let expected = forms.expected(count, extra: [(first, tokens(start))], on: pool)
            expectClose(rows(block, of: second), expected, absolute: 1e-4, relative: 1e-4, "block \(block)")
        }
        for (block, parent, starts) in [(0, 2, (3, 4)), (1, 0, (1, 5))] {
            let path = [(first, tokens(starts.0)), (rows(parent, of: second), tokens(starts.1))]
            expectClose(
                rows(block, of: third), forms.expected(count, extra: path, on: pool), absolute: 1e-4, relative: 1e-4,
                "block \(block) below block \(parent)")
        }

        session.extend(
            features: forms.features.rows(count..<count + blockSize), nextTokens: Array(forms.tokens[count...]),
            on: pool)
        let untouched = DraftSession(head: forms.head, capacity: count + blockSize, branchRows: 0)
        untouched.extend(features: forms.features, nextTokens: forms.tokens, on: pool)
        #expect(session.firstBlock(on: pool) == untouched.firstBlock(on: pool))
    }
}
