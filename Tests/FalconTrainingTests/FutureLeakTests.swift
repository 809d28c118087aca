import FalconDraft
import FalconShards
import FalconTensor
import FalconTestSupport
import Testing

@testable import FalconTraining

@Suite struct FutureLeakTests {
    private let pool = ThreadPool(threadCount: 2)

    /// Position i is asked for f_{i+k} and t_{i+k+1}. Whatever comes from there on is perturbed, and output i must stay
    /// the same to the last bit: in the first pass for every position, in the second for every one that was not handed
    /// its own label, and for those that were, beyond what they were handed.
    @Test(arguments: [FusionKind.lstm, .gated, .linear], [2, 3])
    func `no output moves with its own future`(fusion: FusionKind, blockSize: Int) throws {
        let example = try DraftExample(sequences: 5, pool: pool)
        let configuration = DraftConfiguration(
            target: example.target.configuration, blockSize: blockSize, fusion: fusion)
        let network = try DraftNetwork(
            configuration, .random(RandomSource(seed: 4)), embedding: example.target.embedding)
        var random = RandomSource(seed: 8)
        let (length, hidden) = (15, DraftExample.hidden)
        let tokens = (0..<length).map { _ in Int32(random.below(DraftExample.vocabulary)) }
        let features = Tensor(normal: 1, [length, hidden], from: &random)
        let mask = [UInt8](repeating: 1, count: length)
        func outputs(_ tokens: [Int32], _ features: Tensor, _ plan: GlancePlan, _ shift: MaskShift) -> Tensor {
            let batch = TrainingBatch(
                [FeatureSequence(id: "s", tokens: tokens, lossMask: mask, features: features)], blockSize: blockSize,
                maskShift: shift, maxLength: length
            ).glancing([plan])
            return network.features(batch.features, nextTokens: batch.nextTokens, lengths: batch.lengths, on: pool)
        }
        var compared = 0
        for shift in MaskShift.allCases {
            let counting = shift.counting(lossMask: mask, blockSize: blockSize)
            for number in [0, 5] {
                let plan = GlancePlan(counting: counting, blockSize: blockSize, number: number, random: &random)
                let shown = Set(plan.positions)
                let before = outputs(tokens, features, plan, shift)
                for position in 0..<length {
                    let (feature, token) = (position + blockSize, position + blockSize + 1)
                    // A shown position reads what it and the rest of its block's run are asked for; none behind that.
                    let run = shown.filter { $0 / blockSize == position / blockSize && $0 >= position }
                    let further = run.count
                    guard feature + further < length else { continue }
                    var (otherTokens, values) = (tokens, features.scalars)
                    for later in min(length, token + further)..<length {
                        otherTokens[later] = (otherTokens[later] + 5) % Int32(DraftExample.vocabulary)
                    }
                    for index in (feature + further) * hidden..<length * hidden { values[index] += 1 }
                    let after = outputs(otherTokens, Tensor(values, [length, hidden]), plan, shift)
                    #expect(after.row(position) == before.row(position), "\(shift) \(number), position \(position)")
                    compared += 1
                }
            }
        }
        #expect(compared > 30)
    }
}
