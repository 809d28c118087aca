import FalconAutograd
import FalconJSON
import FalconNN
import FalconTensor
import FalconTestSupport

extension FixtureFamily {
    /// AdamW with clipping, and learning-rate schedules.
    static let optim = FixtureFamily(name: "optim") { folder in
        let folder = FixtureFolder(path: folder + "/optim")
        let steps = try folder.folders(with: "case.safetensors").map { test in
            FixtureJob(test.name) { try compareSteps(test, &$0) }
        }
        let schedules = try folder.contents.filter { $0.hasSuffix("schedule.json") }.map { file in
            FixtureJob { record in
                for (number, entry) in (try folder.json(file).array ?? []).enumerated() {
                    record.check("\(file) \(number)") { try compareSchedule(entry, &$0) }
                }
            }
        }
        return steps + schedules
    }

    private static func compareSteps(_ folder: FixtureFolder, _ comparison: inout Comparison) throws {
        let (test, golden) = (try folder.json("case.json"), try folder.tensors("case.safetensors"))
        let betas = (test["betas"]?.array ?? []).compactMap(\.double)
        let rates = (test["lr_used"]?.array ?? []).compactMap(\.double)
        let names = golden.reals.keys.filter { $0.hasPrefix("init.") }.map { $0.dropFirst(5) }.sorted()
        let parameters = ParameterCollection(try names.map { Parameter("\($0)", try golden.real("init.\($0)")) })
        var optimizer = AdamW(
            parameters,
            .init(
                betas: (betas[0], betas[1]), epsilon: test["eps"]?.double ?? 1e-8,
                weightDecay: test["weight_decay"]?.double ?? 0))
        let pool = ThreadPool(threadCount: 1)
        for (step, rate) in rates.enumerated() {
            // The loss sum(gradient * parameter) has the gradient that the fixture gives.
            var tape = Tape(on: pool)
            var loss = Tape.constant(Tensor([0], []))
            for parameter in parameters.all {
                let gradient = try golden.real("grad.\(parameter.name)").slice(step)
                loss = tape.add(loss, tape.dot(tape.variable(parameter), gradient))
            }
            var gradients = ParameterGradients(tape.gradients(of: loss), for: parameters)
            let clip = test["clip"]?.array ?? []
            if let limit = clip.last?.double {
                if clip[0].string == "norm" {
                    gradients.clip(toNorm: limit, on: pool)
                } else {
                    gradients.clip(toValue: Float(limit))
                }
            }
            optimizer.step(parameters, gradients, learningRate: rate, on: pool)
            for (parameter, gradient) in zip(parameters.all, gradients.tensors) {
                let name = parameter.name
                comparison.close(
                    gradient, try golden.real("clipped_grad.\(name)").slice(step), absolute: 1e-7, relative: 1e-6,
                    "clipped_grad.\(name) of step \(step)")
                comparison.close(
                    parameter.value, try golden.real("param.\(name)").slice(step), absolute: 2e-6,
                    "param.\(name) of step \(step)")
            }
        }
        let state = Dictionary(uniqueKeysWithValues: optimizer.state(for: parameters).map { ($0.name, $0.tensor) })
        for name in names {
            for moment in ["exp_avg", "exp_avg_sq"] {
                comparison.close(
                    state["\(name).\(moment)"], try golden.real("\(moment).\(name)"), absolute: 1e-20, relative: 1e-5,
                    "\(moment).\(name)")
            }
        }
    }

    private static func compareSchedule(_ entry: JSONValue, _ comparison: inout Comparison) throws {
        let schedule = LearningRateSchedule(
            .linear, baseRate: entry["base_lr"]?.double ?? .nan, warmupSteps: entry["warmup_steps"]?.integer ?? -1,
            totalSteps: entry["total_steps"]?.integer ?? -1)
        for (step, rate) in zip(entry["step"]?.array ?? [], entry["lr"]?.array ?? []) {
            comparison.close(
                schedule.rate(at: step.integer ?? -1), rate.double ?? .nan, absolute: 1e-300, relative: 1e-12,
                "the rate at step \(step.integer ?? -1)")
        }
    }
}
