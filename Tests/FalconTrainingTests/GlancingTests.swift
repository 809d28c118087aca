import FalconTensor
import FalconTestSupport
import Foundation
import Testing

@testable import FalconTraining

@Suite struct GlancingTests {
    private struct NumberCase: Decodable {
        let hamming, epoch, num_epochs, n_paper_floor, n_code_floor: Int
        let lambda_paper, n_paper, lambda_code, n_code: Double
        let n_paper_near_integer, n_code_near_integer: Bool
    }

    @Test func `lambda and N agree with the closed form`() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("glance/n_formula.json")))
        let cases = try JSONDecoder().decode([NumberCase].self, from: data)
        #expect(cases.count > 40)
        for item in cases {
            for (schedule, lambda, number, floor, near) in [
                (GlanceSchedule.paper, item.lambda_paper, item.n_paper, item.n_paper_floor, item.n_paper_near_integer),
                (.code, item.lambda_code, item.n_code, item.n_code_floor, item.n_code_near_integer),
            ] {
                let ours = schedule.lambda(epoch: item.epoch, epochs: item.num_epochs)
                #expect(abs(ours - lambda) < 1e-9)
                #expect(abs(ours * Double(item.hamming) - number) < 1e-9)
                let whole = GlancePlan.number(lambda: ours, hammingDistance: item.hamming)
                #expect(near ? abs(whole - floor) <= 1 : whole == floor)
            }
        }
    }

    @Test func `lambda falls as each schedule says`() {
        func lambdas(_ schedule: GlanceSchedule) -> [Double] {
            [0, 0.25, 0.5, 1].map {
                schedule.lambda(epoch: 2, epochs: 4, done: $0, start: 0.6, wrongShare: 1 - $0)
            }
        }
        func close(_ found: [Double], _ expected: [Double]) -> Bool {
            zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 }
        }
        #expect(close(lambdas(.paper), [0.2, 0.2, 0.2, 0.2]))
        #expect(close(lambdas(.code), [0.275, 0.275, 0.275, 0.275]))
        #expect(close(lambdas(.constant), [0.6, 0.6, 0.6, 0.6]))
        #expect(close(lambdas(.linear), [0.6, 0.45, 0.3, 0]))
        #expect(close(lambdas(.cosine), [0.6, 0.3 + 0.3 * 0.5.squareRoot(), 0.3, 0]))
        #expect(close(lambdas(.adaptive), [0.6, 0.45, 0.3, 0]))
    }

    @Test(arguments: 2...5) func `runs stand at the start of whole counting blocks, until N`(blockSize: Int) {
        var random = RandomSource(seed: UInt64(blockSize)).stream("glance")
        for _ in 0..<200 {
            let length = 1 + random.below(40)
            let counting = (0..<length).map { _ in random.below(5) > 0 }
            let number = random.below(length + 1)
            let plan = GlancePlan(counting: counting, blockSize: blockSize, number: number, random: &random)
            #expect(Set(plan.positions).count == plan.positions.count)
            #expect(plan.positions.count <= number)
            let blocks = Dictionary(grouping: plan.positions) { $0 / blockSize }
            for (block, positions) in blocks {
                let range = block * blockSize..<(block + 1) * blockSize
                #expect(range.upperBound <= length && counting[range].allSatisfy { $0 })
                #expect(positions.sorted() == Array(range.prefix(positions.count)))
                #expect(positions.count <= max(1, blockSize - 1))
            }
            if plan.positions.count < number {
                // Fewer than N only where no block was left.
                let whole = (0..<length / blockSize).filter { block in
                    counting[block * blockSize..<(block + 1) * blockSize].allSatisfy { $0 }
                }
                #expect(blocks.count == whole.count)
            }
        }
    }

    @Test func `run lengths are even over 1 to k - 1`() {
        var random = RandomSource(seed: 3)
        var counts = [Int](repeating: 0, count: 4)
        for _ in 0..<3000 {
            let plan = GlancePlan(
                counting: [Bool](repeating: true, count: 4), blockSize: 4, number: 4, random: &random)
            counts[plan.positions.count] += 1
        }
        #expect(counts[0] == 0)
        for length in 1...3 { #expect(abs(counts[length] - 1000) < 150, "\(counts)") }
    }

    @Test func `the shifted mask trains the first tokens of every answer`() {
        let mask: [UInt8] = [0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1]
        // k = 2: position i is asked for token i + 3.
        #expect(
            MaskShift.target.counting(lossMask: mask, blockSize: 2)
                == [false, true, true, true, false, false, true, true, false, false, false])
        #expect(
            MaskShift.authors.counting(lossMask: mask, blockSize: 2)
                == [false, false, false, false, true, true, true, false, false, false, false])
    }

    @Test func `no counting position is shown its own future`() {
        // What the relaxed causal mask and the recurrence let position i read is every position of its block and
        // before. The inputs there are features and tokens of the sequence; position i is asked for feature i + k and
        // token i + k + 1, and must be shown neither these nor anything later.
        var random = RandomSource(seed: 11).stream("leak")
        var glanced = 0
        for trial in 0..<800 {
            let shift = MaskShift.allCases[trial / 4 % 2]
            let k = 2 + trial % 4
            let length = k + 2 + random.below(50)
            let mask = (0..<length).map { _ -> UInt8 in random.below(6) > 0 ? 1 : 0 }
            let counting = shift.counting(lossMask: mask, blockSize: k)
            let plan = GlancePlan(counting: counting, blockSize: k, number: random.below(length), random: &random)
            glanced += plan.positions.count
            let replaced = Set(plan.positions)
            let feature = (0..<length).map { replaced.contains($0) ? $0 + k : $0 }
            let token = (0..<length).map { replaced.contains($0) ? $0 + k + 1 : $0 + 1 }
            for position in counting.indices where counting[position] && !replaced.contains(position) {
                let visible = 0..<min(length, (position / k + 1) * k)
                #expect(visible.map { feature[$0] }.max()! < position + k)
                #expect(visible.map { token[$0] }.max()! < position + k + 1)
            }
        }
        #expect(glanced > 1000)
    }
}
