import FalconDraft
import FalconNN
import FalconShards
import FalconTensor
import FalconTestSupport
import Testing

@testable import FalconTraining

/// `noise.self_fed`: blocks that read the head's own features.
@Suite struct SelfFedBlocksTests {
    private let pool = ThreadPool(threadCount: 2)

    @Test(arguments: 1...4)
    func `so many blocks are drawn, none behind another, and only behind blocks that count`(k: Int) {
        var random = RandomSource(seed: 3)
        let counting = (0..<6000).map { $0 % 40 >= 7 }
        let possible = stride(from: k, through: 6000 - k, by: k).filter { start in
            counting[start - k..<start + k].allSatisfy { $0 }
        }
        let share = 0.3
        let starts = SelfFedBlocks(counting: counting, blockSize: k, share: share, random: &random).starts
        #expect(Set(starts).isSubset(of: possible))
        #expect(zip(starts, starts.dropFirst()).allSatisfy { $1 - $0 > k })
        // A drawn block drops out behind a chosen one: p (1 - p) of the others in the long run, 1 / (1 + p) in all.
        let expected = share / (1 + share) * Double(possible.count)
        #expect(abs(Double(starts.count) - expected) < 6 * expected.squareRoot() + 0.05 * expected)
        #expect(SelfFedBlocks(counting: counting, blockSize: k, share: 0, random: &random).starts.isEmpty)
    }

    @Test(arguments: [(1, FusionKind.linear), (2, .lstm), (3, .gated)])
    func `they read what was predicted for them, and nothing of their own future`(k: Int, fusion: FusionKind) throws {
        let example = try DraftExample(sequences: 5, pool: pool)
        let network = try DraftNetwork(
            DraftConfiguration(target: example.target.configuration, blockSize: k, fusion: fusion),
            .random(RandomSource(seed: 4)), embedding: example.target.embedding)
        var random = RandomSource(seed: 8)
        let (length, hidden) = (5 * k, DraftExample.hidden)
        let tokens = (0..<length).map { _ in Int32(random.below(DraftExample.vocabulary)) }
        let features = Tensor(normal: 1, [length, hidden], from: &random)
        func fed(_ features: Tensor) -> (batch: TrainingBatch, predicted: Tensor) {
            let batch = TrainingBatch(
                [
                    FeatureSequence(
                        id: "s", tokens: tokens, lossMask: [UInt8](repeating: 1, count: length), features: features)
                ], blockSize: k, maskShift: .target, maxLength: length)
            let predicted = network.features(
                batch.features, nextTokens: batch.nextTokens, lengths: batch.lengths, on: pool)
            return (batch.selfFeeding([SelfFedBlocks(starts: [2 * k])], predicted: predicted), predicted)
        }
        let (batch, predicted) = fed(features)
        #expect(batch.nextTokens[0].prefix(length - 1) == tokens.dropFirst())
        for position in 0..<length {
            let isFed = position / k == 2
            #expect(
                batch.features.row(position) == (isFed ? predicted.row(position - k) : features.row(position)),
                "position \(position)")
        }
        // The block's own features may be anything: it does not read them, nor do they change what was predicted.
        var values = features.scalars
        for index in 2 * k * hidden..<3 * k * hidden { values[index] += 1 }
        let other = fed(Tensor(values, [length, hidden])).batch
        for position in 0..<3 * k { #expect(other.features.row(position) == batch.features.row(position)) }
    }

    @Test func `training with it is resumable, and counts what it fed`() throws {
        let example = try DraftExample(sequences: 12, pool: pool)
        let settings = ["noise.self_fed=0.5", "glance.enabled=false"]
        let progress = TrainingProgress(epoch: 0, epochs: 1, step: 0, totalSteps: 4)
        func train(_ settings: [String]) throws -> (loss: Double, random: [String]) {
            let task = try example.task(try example.recipe(settings))
            let outcome = try task.trainBatch(0, progress: progress)
            return (outcome.loss, task.random.keys.sorted())
        }
        let (first, again) = (try train(settings), try train(settings))
        #expect(first.loss == again.loss && first.random.contains("self_fed"))
        #expect(try train(["glance.enabled=false"]).loss != first.loss)
    }
}
