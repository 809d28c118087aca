import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// Ten steps of AdamW on raw tensors against the golden runs in `optim/`.
@Suite struct AdamWStepTests {
    struct Run: Decodable {
        let betas: [Double]
        let eps: Double
        let weight_decay: Double
        let lr_used: [Double]
    }

    @Test(arguments: ["plain", "clip_value", "clip_norm", "schedule", "zero_gradient", "tiny_gradients"])
    func `Parameters and moments follow the golden run`(name: String) throws {
        let tensors = try Fixtures.tensors("optim/\(name)/case.safetensors")
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("optim/\(name)/case.json")))
        let run = try JSONDecoder().decode(Run.self, from: data)
        let pool = ThreadPool(threadCount: 1)
        for index in 0..<3 {
            var parameter = try #require(tensors["init.\(index)"])
            let (gradients, parameters) = (tensors["clipped_grad.\(index)"]!, tensors["param.\(index)"]!)
            var (first, second) = (Tensor(zeros: parameter.shape), Tensor(zeros: parameter.shape))
            /// The values of one step of a tensor `[steps, ...]`.
            func values(_ stacked: Tensor, _ step: Int) -> Tensor {
                let count = parameter.count
                return Tensor(Array(stacked.scalars[step * count..<(step + 1) * count]), parameter.shape)
            }
            for (step, rate) in run.lr_used.enumerated() {
                AdamWStep(
                    number: step + 1, learningRate: rate, betas: (run.betas[0], run.betas[1]), epsilon: run.eps,
                    weightDecay: run.weight_decay
                ).apply(
                    to: &parameter, gradient: values(gradients, step), firstMoment: &first, secondMoment: &second,
                    on: pool)
                expectClose(parameter, values(parameters, step), absolute: 2e-6, "\(name), step \(step)")
            }
            expectClose(first, tensors["exp_avg.\(index)"]!, absolute: 1e-7, relative: 1e-5, "first moment")
            expectClose(second, tensors["exp_avg_sq.\(index)"]!, absolute: 1e-20, relative: 1e-5, "second moment")
        }
    }
}
