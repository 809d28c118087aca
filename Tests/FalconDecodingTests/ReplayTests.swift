import FalconDraft
import FalconModels
import FalconShards
import FalconTensor
import FalconTestSupport
import FalconTokenizer
import Testing

@testable import FalconDecoding

/// Replay of stored features against decoding by the model that made them.
@Suite struct ReplayTests {
    /// A random target and head, and dialogues that were decoded live.
    struct Example {
        let models: RandomModels
        let head: DraftHead
        let tree: TokenTree
        let stop: StopRule
        /// Layers whose states are stored beside the features; the head reads them.
        let auxiliary: [Int]
        var sequences: [FeatureSequence] = []
        var live: [DecodedText] = []
        let pool = ThreadPool(threadCount: 2)

        init(
            blockSize: Int, fusion: FusionKind, layers: Int, tree name: String, seed: UInt64, dialogues: Int = 3,
            ranked: [Int32]? = nil, correction: Int = 0, auxiliary: [Int] = []
        ) throws {
            self.auxiliary = auxiliary
            models = try RandomModels(seed: seed, pool: pool)
            head = try models.head(
                models.network(
                    blockSize: blockSize, layers: layers, fusion: fusion, seed: seed, ranked: ranked,
                    correction: correction, auxiliary: auxiliary),
                pool: pool)
            var random = RandomSource(seed: seed)
            tree =
                name == "random"
                ? try TokenTree(name: name, blockSize: blockSize, paths: randomPaths(&random, nodes: 30))
                : try TokenTree.select(name, blockSize: blockSize)
            // One of the tokens that come up at times, so that some answers end by it and others at the limit.
            let free = try PlainDecoder(target: models.target, pool: pool).decode(
                [3, 1, 4], stop: StopRule(endTokens: [], maximumTokens: 60))
            let counts = Dictionary(grouping: free.tokens, by: \.self).mapValues(\.count)
            let rare = counts.filter { $0.value <= 3 }.keys.min() ?? 47
            stop = StopRule(endTokens: [rare], maximumTokens: 40)

            let decoder = SpeculativeDecoder(target: models.target, head: head, tree: tree, pool: pool)
            for dialogue in 0..<dialogues {
                var (tokens, mask): ([Int32], [UInt8]) = ([], [])
                // Two turns: the second prompt holds the first answer. A prompt may be shorter than a block.
                for turn in 0..<2 {
                    let prompt = (0..<(turn == 0 ? 1 + dialogue * 3 : 2)).map { _ in
                        Int32(random.below(RandomModels.vocabulary))
                    }
                    tokens += prompt
                    mask += prompt.map { _ in 0 }
                    let text = try decoder.decode(tokens, stop: stop)
                    live.append(text)
                    tokens += text.tokens
                    mask += text.tokens.map { _ in 1 }
                }
                sequences.append(sequence("dialogue \(dialogue)", tokens, mask))
            }
        }

        func sequence(_ id: String, _ tokens: [Int32], _ mask: [UInt8]) -> FeatureSequence {
            let cache = models.target.makeCache(capacity: tokens.count)
            let rows = models.target.forward(tokens, cache: cache, states: auxiliary, on: pool)
            return FeatureSequence(
                id: id, tokens: tokens, lossMask: mask, features: AuxiliaryLayers.features(of: rows, hidden: 16),
                auxiliary: AuxiliaryLayers.states(of: rows, hidden: 16).map {
                    AuxiliaryFeatures(layers: auxiliary, rows: $0)
                })
        }

        var replay: FeatureReplay { FeatureReplay(ends: models.target.ends, head: head, tree: tree, stop: stop) }

        /// Writes the sequences as `falcon-gen-data` does and opens them again.
        func store(_ storage: FeatureStorage) throws -> FeatureStore {
            let folder = try ShardFolder(
                path: models.folder.file("shards-\(storage.rawValue)"),
                description: ShardDescription(
                    hiddenSize: 16, storage: storage, maxLength: 512, targetFingerprint: models.target.fingerprint,
                    tokenizerFingerprint: "none", auxiliaryLayers: auxiliary), settings: [:])
            let writer = try ShardWriter(path: folder.shardPath(0), description: folder.description, pool: pool)
            for sequence in sequences { try writer.append(sequence) }
            try folder.record(0, writer.finish())
            return try FeatureStore(folder: folder.path)
        }
    }

    static let cases: [(blockSize: Int, fusion: FusionKind, layers: Int, tree: String)] =
        (1...4).flatMap { size in
            FusionKind.allCases.flatMap { fusion in ["chain:5", "random"].map { (size, fusion, 1, $0) } }
        } + [
            (2, .lstm, 1, "medium"), (2, .lstm, 1, "kmask2_8layer_tree"), (3, .gated, 1, "large"),
            (4, .linear, 1, "small"), (2, .gated, 2, "random"), (3, .lstm, 3, "large"), (4, .linear, 2, "chain:9"),
        ]

    @Test(arguments: cases)
    func `On the target's own text a replay is the live run, pass by pass`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ tree: String
    ) throws {
        let seed = UInt64(blockSize * 1000 + fusion.rawValue.count * 100 + layers * 10 + tree.count)
        let example = try Example(blockSize: blockSize, fusion: fusion, layers: layers, tree: tree, seed: seed)
        let store = try example.store(.float32)
        let answers = try (0..<store.count).flatMap {
            example.replay.replay(try store.sequence(at: $0), on: ThreadPool(threadCount: 1))
        }
        #expect(answers.count == example.live.count)
        for (replayed, live) in zip(answers, example.live) {
            #expect(replayed.decoded.tokens == live.tokens && replayed.decoded.passes == live.passes)
            #expect(replayed.decoded.statistics == live.statistics && replayed.decoded.ranks == live.ranks)
            #expect(replayed.agreeingTokens == live.tokens.count && replayed.decoded.statistics.cutPasses == 0)
        }
    }

    @Test(arguments: [
        (2, "random", nil), (3, "medium", nil), (4, "chain:9", nil), (2, "large", [0, 1, 2, 3, 9, 20, 31]),
    ])
    func `So it is with a head that corrects its blocks`(_ blockSize: Int, _ tree: String, ranked: [Int32]?) throws {
        let example = try Example(
            blockSize: blockSize, fusion: .linear, layers: 1, tree: tree, seed: UInt64(40 + blockSize), ranked: ranked,
            correction: 8)
        let answers = example.sequences.flatMap { example.replay.replay($0, on: ThreadPool(threadCount: 1)) }
        #expect(answers.count == example.live.count)
        for (replayed, live) in zip(answers, example.live) {
            #expect(replayed.decoded.tokens == live.tokens && replayed.decoded.passes == live.passes)
            #expect(replayed.decoded.statistics == live.statistics && replayed.decoded.ranks == live.ranks)
        }
        #expect(example.live.contains { $0.statistics.acceptedDraftTokens > 0 })
    }

    @Test(arguments: [
        (1, FusionKind.linear, 1, 301, 0), (2, .lstm, 1, 2417, 0), (3, .gated, 2, 303, 0), (2, .linear, 1, 311, 8),
    ])
    func `A tree that grows in each round is replayed as it grew live`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ seed: UInt64, correction: Int
    ) throws {
        let example = try Example(
            blockSize: blockSize, fusion: fusion, layers: layers, tree: "medium", seed: seed, dialogues: 4,
            correction: correction)
        let planner = TreePlanner(blockSize: blockSize, kind: .dynamic(nodes: 14), draftsAnyway: true)
        let decoder = SpeculativeDecoder(
            target: example.models.target, head: example.head, shape: .planned(planner), pool: example.pool)
        try decoder.calibrate([[3, 1, 4, 1, 5]], stop: example.stop, seconds: 0.05)
        var accepted = 0
        for sequence in example.sequences {
            let replay = FeatureReplay(
                ends: example.models.target.ends, head: example.head, planner: planner, stop: example.stop)
            let answers = replay.replay(sequence, on: ThreadPool(threadCount: 1))
            // Planners learn from each text: a live run of the same plan takes the plan that the replay took.
            for answer in answers {
                let live = try decoder.decode(
                    Array(sequence.tokens[..<answer.answer.tokens.lowerBound]), stop: example.stop,
                    growing: #require(planner.plan.dynamic))
                #expect(answer.decoded.tokens == live.tokens && answer.decoded.passes == live.passes)
                #expect(answer.decoded.statistics == live.statistics && answer.decoded.ranks == live.ranks)
                accepted += live.statistics.acceptedDraftTokens
            }
            #expect(answers.count == 2)
            #expect(answers.allSatisfy { $0.decoded.passes.isEmpty || $0.expectation.seconds > 0 })
            planner.learn(answers[0].decoded.ranks)
        }
        #expect(accepted > 5)
    }

    @Test func `Live runs that the comparison rests on accept tokens, end by a token and end at the limit`() throws {
        let example = try Example(blockSize: 2, fusion: .lstm, layers: 1, tree: "medium", seed: 2417, dialogues: 6)
        #expect(example.live.reduce(0) { $0 + $1.statistics.acceptedDraftTokens } > 10)
        let byToken = example.live.count { $0.tokens.last.map(example.stop.endTokens.contains) ?? false }
        #expect(byToken > 0 && byToken < example.live.count)
    }

    @Test(arguments: [(1, "medium"), (2, "large"), (3, "chain:6"), (4, "medium")])
    func `Off the target's own text each pass is what the target would have done, or the known part of it`(
        _ blockSize: Int, _ name: String
    ) throws {
        let pool = ThreadPool(threadCount: 1)
        let example = try Example(
            blockSize: blockSize, fusion: .lstm, layers: 1, tree: name, seed: 77 + UInt64(blockSize), dialogues: 0)
        var random = RandomSource(seed: 5)
        var (cut, differing, deciding) = (0, 0, 0)
        for round in 0..<4 {
            // The target's own text with foreign tokens in it.
            var tokens = try PlainDecoder(target: example.models.target, pool: pool).decode(
                [Int32(round), 7, 9], stop: StopRule(endTokens: [], maximumTokens: 50)
            ).tokens
            for place in tokens.indices where random.below(4) == 0 { tokens[place] = Int32(random.below(5)) }
            let mask = tokens.indices.map { UInt8($0 < 5 ? 0 : 1) }
            let sequence = example.sequence("foreign", tokens, mask)
            let replay = FeatureReplay(
                ends: example.models.target.ends, head: example.head, tree: example.tree,
                stop: StopRule(endTokens: [], maximumTokens: 100))
            let answer = try #require(replay.replay(sequence, on: pool).first)
            #expect(answer.decoded.tokens == Array(tokens[5...]))

            let own = example.models.target.greedyTokens(sequence.features, on: pool)
            #expect(answer.agreeingTokens == (5..<tokens.count).count { own[$0 - 1] == tokens[$0] })
            differing += tokens.count - 5 - answer.agreeingTokens
            var position = 5
            for pass in answer.decoded.passes {
                // A live run from this very prefix, one pass long.
                let limit = tokens.count - position
                let live = liveRound(example, Array(tokens[0...position]), depth: limit - 2)
                #expect(Array(live.path.prefix(pass.path.count)) == pass.path)
                let stays = zip(live.tokens.prefix(live.path.count), tokens[(position + 1)...]).allSatisfy { $0 == $1 }
                if live.path.count > pass.path.count {
                    // More was accepted live: then the replay stopped at a token that is not the text's.
                    #expect(!stays && pass.drafted == pass.path.count - 1)
                    cut += 1
                } else {
                    deciding += 1
                }
                position += pass.tokens.count
            }
            #expect(position == tokens.count - 1)
            #expect(answer.decoded.statistics.generatedTokens == tokens.count - 5)
        }
        #expect(differing > 10 && deciding > 10)
        if name == "medium" { #expect(cut > 0) }
    }

    /// One round of live decoding behind a prefix whose last token is the newest: the accepted ranks and the tokens.
    private func liveRound(_ example: Example, _ prefix: [Int32], depth: Int) -> (path: [Int], tokens: [Int32]) {
        let (target, pool) = (example.models.target, example.pool)
        let cache = target.makeCache(capacity: prefix.count + example.tree.nodes.count)
        let features = target.forward(Array(prefix.dropLast()), cache: cache, on: pool)
        let session = DraftSession(
            head: example.head, capacity: prefix.count, branchRows: example.tree.draftRowCount)
        session.extend(features: features, nextTokens: Array(prefix.dropFirst()), on: pool)
        var choice = TokenChoice(.greedy, prompt: prefix, pool: pool)
        let draft = choice.draft(.tree(example.tree.limited(toDepth: depth)), session: session)
        let rows = target.forward(
            prefix.suffix(1) + draft.tokens, parents: [-1] + draft.tree.nodes.map { $0.parent + 1 }, cache: cache,
            on: pool)
        let verified = choice.verify(draft, .best(target.greedyTokens(rows, on: pool)[...]))
        return (verified.path.map { draft.tree.nodes[$0].rank }, verified.tokens)
    }

    @Test func `What is known of a pass that leaves the text`() throws {
        let tree = try TokenTree(name: "t", blockSize: 2, paths: [[0], [1], [0, 0], [1, 0], [1, 0, 0]])
        // Nodes in order: [0] [1] [0,0] [1,0] [1,0,0]. Depth by depth the head's best and second best tokens.
        let candidates: [[Int32]] = [[10, 11], [13, 12], [14, 19]]
        func walk(_ stored: [Int32], _ choices: [Int32]) -> StoredWalk {
            StoredWalk(tree, children: tree.children, stored: stored[...], choices: choices[...]) { token, node in
                guard let (pass, row) = tree.row(below: node), pass * 2 + row % 2 < candidates.count else { return nil }
                return candidates[pass * 2 + row % 2].firstIndex(of: token) ?? 7
            }
        }
        // The text goes along: [1], [1,0], [1,0,0], then a token of the target's own.
        let along = walk([1, 11, 13, 14, 15, 16], [11, 13, 14, 15, 16])
        #expect(along.path == [1, 3, 4] && along.tokens == [11, 13, 14, 15] && !along.isCut && along.onText == 3)
        // The target chooses what was drafted, the text something else; of [1]'s children nothing is known.
        let cut = walk([1, 20, 21], [11, 21])
        #expect(cut.path == [1] && cut.tokens == [20] && cut.isCut && cut.onText == 0 && cut.looks.map(\.rank) == [1])
        // The same at a leaf: nothing more could have been accepted.
        let leaf = walk([1, 10, 30, 31], [10, 13, 31])
        #expect(leaf.path == [0, 2] && leaf.tokens == [10, 30] && !leaf.isCut && leaf.onText == 1)
        // The target's choice was not drafted: the pass ends there, and is known, though the text differs as well.
        let over = walk([1, 10, 30, 31], [10, 29, 31])
        #expect(over.path == [0] && over.tokens == [10, 30] && !over.isCut && over.looks.map(\.rank) == [0, 7])
        // The text ends inside the tree.
        let end = walk([1, 11, 13], [11, 13])
        #expect(end.path == [1, 3] && end.tokens == [11, 13] && !end.isCut && end.looks.count == 2)
    }

    @Test func `Cut passes count where they are known, and the estimate lets them go on`() {
        var statistics = AcceptStatistics()
        statistics.recordPass(accepted: 0, generated: 1, draftPasses: 1)
        statistics.recordPass(accepted: 1, generated: 2, draftPasses: 1)
        statistics.recordPass(accepted: 2, generated: 3, draftPasses: 1)
        statistics.recordPass(accepted: 1, generated: 1, draftPasses: 1, isCut: true)
        #expect(statistics.cutPasses == 1 && statistics.histogram == [1, 2, 1])
        // At depth 2 two passes are known: one accepted.
        #expect(statistics.acceptanceByDepth == [0.75, 0.5])
        #expect(statistics.acceptLength == 1 && statistics.acceptLengthEstimate == 0.75 + 0.375)
        var whole = AcceptStatistics()
        for accepted in [0, 3, 1, 2, 2] {
            whole.recordPass(accepted: accepted, generated: accepted + 1, draftPasses: 1)
        }
        #expect(abs(whole.acceptLengthEstimate - whole.acceptLength) < 1e-12)
        var pooled = statistics
        pooled.add(whole)
        #expect(pooled.cutHistogram == [0, 1] && pooled.histogram == [2, 3, 3, 1])
    }

    @Test(arguments: [FeatureStorage.float16, .bfloat16, .int8])
    func `Narrower features are replayed as they are stored, and the agreement says what rounding turned`(
        _ storage: FeatureStorage
    ) throws {
        let example = try Example(blockSize: 2, fusion: .gated, layers: 1, tree: "medium", seed: 91, dialogues: 6)
        let store = try example.store(storage)
        let tokenizer = try Tokenizer(folder: "\(Fixtures.folder)/tokenizers/qwen2")
        let (dialogues, facts, _) = try ReplayRunner(store: store, tokenizer: tokenizer, replay: example.replay)
            .run(on: example.pool)
        let live = example.live.reduce(0) { $0 + $1.tokens.count }
        #expect(facts.dtype == storage.rawValue && facts.textTokens == live && facts.conversations == 6)
        // The same count by looking at every answer token alone.
        var agreeing = 0
        for index in 0..<store.count {
            let sequence = try store.sequence(at: index)
            let own = example.models.target.greedyTokens(sequence.features, on: example.pool)
            agreeing += (1..<sequence.length).count { sequence.lossMask[$0] == 1 && own[$0 - 1] == sequence.tokens[$0] }
        }
        #expect(facts.agreeingTokens == agreeing)
        #expect(Double(agreeing) / Double(live) > (storage == .int8 ? 0.8 : 0.95))
        let generated = dialogues.flatMap(\.turns).reduce(0) { $0 + $1.decoded.statistics.generatedTokens }
        #expect(generated == live)
    }

    @Test func `The number of threads and the limit on conversations change nothing else`() throws {
        let example = try Example(blockSize: 2, fusion: .lstm, layers: 1, tree: "small", seed: 17, dialogues: 5)
        let store = try example.store(.float32)
        let tokenizer = try Tokenizer(folder: "\(Fixtures.folder)/tokenizers/qwen2")
        let runner = ReplayRunner(store: store, tokenizer: tokenizer, replay: example.replay)
        let one = try runner.run(on: ThreadPool(threadCount: 1)).dialogues.flatMap(\.turns)
        let three = try runner.run(on: ThreadPool(threadCount: 3)).dialogues.flatMap(\.turns)
        #expect(one.map(\.decoded.passes) == three.map(\.decoded.passes) && one.count == 10)
        let few = try runner.run(limit: 2, on: ThreadPool(threadCount: 1))
        #expect(few.facts.conversations == 2)
        #expect(few.dialogues.flatMap(\.turns).map(\.decoded.passes) == one.prefix(4).map(\.decoded.passes))
    }

    @Test func `A stored answer ends where the live one would have`() {
        let mask: [UInt8] = [1, 0, 1, 1, 1, 1, 0, 1, 1]
        let sequence = FeatureSequence(
            id: "s", tokens: [9, 1, 2, 3, 5, 4, 6, 7, 8], lossMask: mask, features: Tensor(zeros: [9, 1]))
        func answers(_ end: Int32, _ most: Int, context: Int = 100) -> [StoredAnswer] {
            StoredAnswer.all(in: sequence, stop: StopRule(endTokens: [end], maximumTokens: most), context: context)
        }
        // Nothing chose the first token of all. An answer without an end token ends as at a limit.
        #expect(
            answers(42, 10).map(\.tokens) == [2..<6, 7..<9] && answers(42, 10).map(\.stop.maximumTokens) == [4, 2])
        // What stands behind an end token is no part of the answer; the limit is then the live one.
        #expect(answers(5, 10)[0].tokens == 2..<5 && answers(5, 10)[0].stop.maximumTokens == 10)
        #expect(answers(5, 2)[0].tokens == 2..<4 && answers(5, 2)[0].stop.maximumTokens == 2)
        #expect(answers(8, 10, context: 8).map(\.tokens) == [2..<6, 7..<8])
    }
}
