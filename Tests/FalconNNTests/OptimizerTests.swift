import FalconAutograd
import FalconNN
import FalconTensor
import FalconTestSupport
import Foundation
import Testing

/// AdamW, clipping and schedules against PyTorch and transformers.
@Suite struct OptimizerTests {
    let pool = ThreadPool(threadCount: 1)

    struct Case: Decodable {
        var lr: Double
        var betas: [Double]
        var eps: Double
        var weight_decay: Double
        var steps: Int
        var lr_used: [Double]
        var clip: Clip?

        /// `["value", 0.5]`
        struct Clip: Decodable {
            var kind: String
            var limit: Double

            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                kind = try list.decode(String.self)
                limit = try list.decode(Double.self)
            }
        }
    }

    /// Weights and both moments after three steps of `torch.optim.AdamW` (2.13, float32): rate 1e-2, decay 0.1.
    private static let torch: [(betas: (Double, Double), weights: [Float], first: [Float], second: [Float])] = [
        (
            (0.9, 0.95), [-1.6275690793991089, 0.23594780266284943, 2.2491018772125244, 0.8186197876930237],
            [0.16617229580879211, 3.4600099752424285e-05, -1.2273452281951904, 0.020500173792243004],
            [0.10015921294689178, 2.994893222307837e-08, 16.67020034790039, 0.0018959399312734604]
        ),
        (
            (0.9, 0.999), [-1.6274065971374512, 0.23594726622104645, 2.249054193496704, 0.8185815811157227],
            [0.16617229580879211, 3.4600099752424285e-05, -1.2273452281951904, 0.020500173792243004],
            [0.002176733920350671, 6.376308925304386e-10, 0.35666215419769287, 4.0235368942376226e-05]
        ),
        (
            (0.95, 0.9999), [-1.6277216672897339, 0.23636674880981445, 2.2493903636932373, 0.8184693455696106],
            [0.0907784178853035, 1.7165082681458443e-05, -0.6575013995170593, 0.011110816150903702],
            [0.0002179985895054415, 6.38347916193105e-11, 0.03570984676480293, 4.027828254038468e-06]
        ),
        (
            (0, 0.5), [-1.6178804636001587, 0.2291758507490158, 2.2440006732940674, 0.8259495496749878],
            [-0.08094292879104614, 5.1263901696074754e-05, -8.687564849853516, -0.027574613690376282],
            [0.36653149127960205, 1.4010858251367608e-07, 82.73603820800781, 0.00923948734998703]
        ),
        (
            (0.999, 0.999999), [-1.6280158758163452, 0.23676860332489014, 2.2497148513793945, 0.8183724880218506],
            [0.0019721612334251404, 3.387083893358067e-07, -0.014078248292207718, 0.00023952513583935797],
            [2.180343926738715e-06, 6.38426865626901e-13, 0.0003571464912965894, 4.028300537584073e-08]
        ),
    ]

    @Test(arguments: 0..<5) func `Moments are torch's to the last digits whatever the betas`(number: Int) {
        let expected = Self.torch[number]
        let parameter = Parameter(
            "w", Tensor([-1.605276346206665, 0.23248571157455444, 2.239870071411133, 0.8472937941551208], [4]))
        let parameters = ParameterCollection([parameter])
        var optimizer = AdamW(
            parameters, .init(betas: (expected.betas.0, expected.betas.1), epsilon: 1e-8, weightDecay: 0.1))
        let gradients: [[Float]] = [
            [1.2006442546844482, -0.00040155035094358027, -14.260196685791016, 0.09039317816495895],
            [0.8557155728340149, 0.0006888809730298817, 8.849857330322266, 0.17706429958343506],
            [-0.08094292879104614, 5.1263901696074754e-05, -8.687564849853516, -0.027574613690376282],
        ]
        for gradient in gradients {
            optimizer.beginStep()
            optimizer.update(0, of: parameters, Tensor(gradient, [4]), learningRate: 1e-2, on: pool)
        }
        let state = Dictionary(uniqueKeysWithValues: optimizer.state(for: parameters).map { ($0.name, $0.tensor) })
        expectClose(parameter.value, Tensor(expected.weights, [4]), absolute: 0, relative: 3e-7, "weights")
        // 1 - beta taken in float32 would be 1.3e-5 off for 0.999, 2e-3 for 0.9999.
        for (name, wanted) in [("w.exp_avg", expected.first), ("w.exp_avg_sq", expected.second)] {
            guard let found = state[name] else {
                Issue.record("no \(name)")
                continue
            }
            expectClose(found, Tensor(wanted, [4]), absolute: 0, relative: 1e-6, name)
        }
    }

    @Test(arguments: ["plain", "clip_value", "clip_norm", "schedule", "zero_gradient", "tiny_gradients"])
    func `Ten steps agree with torch`(name: String) throws {
        let folder = "optim/" + name
        let text = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path(folder + "/case.json")))
        let expected = try JSONDecoder().decode(Case.self, from: text)
        let tensors = try Fixtures.tensors(folder + "/case.safetensors")
        func tensor(_ key: String, step: Int? = nil) throws -> Tensor {
            let stored = try #require(tensors[key])
            guard let step else { return stored }
            let shape = Array(stored.shape.dropFirst())
            let count = stored.count / expected.steps
            return Tensor(Array(stored.scalars[step * count..<(step + 1) * count]), shape)
        }

        let parameters = ParameterCollection(try (0..<3).map { Parameter("\($0)", try tensor("init.\($0)")) })
        var optimizer = AdamW(
            parameters,
            .init(
                betas: (expected.betas[0], expected.betas[1]), epsilon: expected.eps,
                weightDecay: expected.weight_decay))
        for step in 0..<expected.steps {
            // The loss sum(gradient * parameter) has the gradient that the fixture gives.
            var tape = Tape(on: pool)
            var loss = Tape.constant(Tensor([0], []))
            for (index, parameter) in parameters.all.enumerated() {
                let term = tape.dot(tape.variable(parameter), try tensor("grad.\(index)", step: step))
                loss = tape.add(loss, term)
            }
            var gradients = ParameterGradients(tape.gradients(of: loss), for: parameters)
            switch expected.clip?.kind {
            case "value": gradients.clip(toValue: Float(expected.clip?.limit ?? 0))
            case "norm": gradients.clip(toNorm: expected.clip?.limit ?? 0, on: pool)
            default: break
            }
            for index in 0..<3 {
                expectClose(
                    gradients.tensors[index], try tensor("clipped_grad.\(index)", step: step), absolute: 1e-7,
                    relative: 1e-6, "\(name), clipped gradient \(index) of step \(step)")
            }
            optimizer.step(parameters, gradients, learningRate: expected.lr_used[step], on: pool)
            for (index, parameter) in parameters.all.enumerated() {
                expectClose(
                    parameter.value, try tensor("param.\(index)", step: step), absolute: 2e-6,
                    "\(name), parameter \(index) after step \(step)")
            }
        }
        let state = Dictionary(uniqueKeysWithValues: optimizer.state(for: parameters).map { ($0.name, $0.tensor) })
        for index in 0..<3 {
            expectClose(
                try #require(state["\(index).exp_avg"]), try tensor("exp_avg.\(index)"), absolute: 1e-12,
                relative: 1e-5, "\(name), first moment \(index)")
            expectClose(
                try #require(state["\(index).exp_avg_sq"]), try tensor("exp_avg_sq.\(index)"), absolute: 1e-20,
                relative: 1e-5, "\(name), second moment \(index)")
        }
    }

    @Test func `A saved optimiser goes on to the same bits`() throws {
        func network() -> ParameterCollection {
            var random = RandomSource(seed: 1)
            return ParameterCollection([
                Parameter("a", Tensor(normal: 1, [5, 7], from: &random)),
                Parameter("b", Tensor(normal: 1, [3], from: &random)),
            ])
        }
        func step(_ parameters: ParameterCollection, _ optimizer: inout AdamW) {
            var tape = Tape(on: pool)
            var loss = Tape.constant(Tensor([0], []))
            for parameter in parameters.all {
                loss = tape.add(loss, tape.dot(tape.variable(parameter), parameter.value))
            }
            let gradients = ParameterGradients(tape.gradients(of: loss), for: parameters)
            optimizer.step(parameters, gradients, learningRate: 0.01, on: pool)
        }
        let whole = network()
        var optimizer = AdamW(whole)
        for _ in 0..<6 { step(whole, &optimizer) }

        let stopped = network()
        var first = AdamW(stopped)
        for _ in 0..<3 { step(stopped, &first) }
        let state = Dictionary(uniqueKeysWithValues: first.state(for: stopped).map { ($0.name, $0.tensor) })
        var second = AdamW(stopped)
        try second.load(StoredParameters(state), for: stopped)
        for _ in 0..<3 { step(stopped, &second) }

        #expect(second.stepCount == 6)
        for (left, right) in zip(whole.all, stopped.all) { #expect(left.value == right.value) }
    }

    @Test func `An optimiser's state of another network is refused by name`() throws {
        let parameters = ParameterCollection([Parameter("a", Tensor(zeros: [2]))])
        let others = ParameterCollection([Parameter("b", Tensor(zeros: [2]))])
        let state = AdamW(others).state(for: others)
        var optimizer = AdamW(parameters)
        let stored = StoredParameters(Dictionary(uniqueKeysWithValues: state.map { ($0.name, $0.tensor) }))
        let error = #expect(throws: StateDictError.self) { try optimizer.load(stored, for: parameters) }
        #expect(error?.missing == ["a.exp_avg", "a.exp_avg_sq"])
        #expect(error?.unexpected == ["b.exp_avg", "b.exp_avg_sq"])
    }

    struct ScheduleCase: Decodable {
        var base_lr: Double
        var warmup_steps: Int
        var total_steps: Int
        var step: [Int]
        var lr: [Double]
    }

    @Test func `The linear schedule agrees with transformers`() throws {
        let text = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("optim/linear_schedule.json")))
        for expected in try JSONDecoder().decode([ScheduleCase].self, from: text) {
            let schedule = LearningRateSchedule(
                .linear, baseRate: expected.base_lr, warmupSteps: expected.warmup_steps,
                totalSteps: expected.total_steps)
            for (step, rate) in zip(expected.step, expected.lr) {
                let computed = schedule.rate(at: step)
                #expect(abs(computed - rate) <= 1e-12 * rate, "step \(step) of \(schedule)")
            }
        }
    }

    @Test func `Constant and cosine schedules warm up like the linear one`() {
        for kind in LearningRateSchedule.Kind.allCases {
            let schedule = LearningRateSchedule(kind, baseRate: 2, warmupSteps: 4, totalSteps: 12)
            #expect((0...4).map(schedule.rate) == [0, 0.5, 1, 1.5, 2])
        }
        let cosine = LearningRateSchedule(.cosine, baseRate: 2, warmupSteps: 4, totalSteps: 12)
        #expect(abs(cosine.rate(at: 8) - 1) < 1e-12)
        #expect(cosine.rate(at: 12) == 0 && cosine.rate(at: 100) == 0)
        let constant = LearningRateSchedule(.constant, baseRate: 2, warmupSteps: 0, totalSteps: 3)
        #expect(constant.rate(at: 0) == 2 && constant.rate(at: 100) == 2)
    }

    @Test func `A parameter without a gradient decays, and takes no moments until one comes`() throws {
        func run(_ zeros: Bool) -> ([Float], [(name: String, tensor: Tensor)]) {
            let parameters = ParameterCollection([Parameter("weight", Tensor([1, -2, 3], [3]))])
            var optimizer = AdamW(parameters)
            let zero = Tensor(zeros: [3])
            for gradient in [zero, zero, Tensor([0.5, 0, -1], [3]), zero] {
                optimizer.beginStep()
                let isKnown = zeros || gradient != zero
                optimizer.update(0, of: parameters, isKnown ? gradient : nil, learningRate: 0.1, on: pool)
            }
            return (parameters.all[0].value.scalars, optimizer.state(for: parameters))
        }
        let (lazy, full) = (run(false), run(true))
        #expect(lazy.0 == full.0)
        for (one, other) in zip(lazy.1, full.1) { #expect(one.name == other.name && one.tensor == other.tensor) }
    }

    @Test func `Accumulated halves of a batch give the gradient of the whole`() {
        let parameters = ParameterCollection([Parameter("weight", Tensor([1, 2, 3, 4], [2, 2]))])
        let weight = parameters.all[0]
        let inputs = Tensor([1, -1, 0.5, 2, 3, 1, -2, 0.25], [4, 2])
        /// The mean over rows of the sum of a linear layer's output.
        func pass(rows: [Int], seed: Float) -> BackwardPass {
            var tape = Tape(on: pool)
            let output = tape.linear(Tape.constant(inputs.rows(at: rows)), weight: tape.variable(weight))
            let mean = tape.scale(tape.sum(output), by: 1 / Float(rows.count))
            return BackwardPass(tape, of: tape.scale(mean, by: seed))
        }
        var halves = ParameterGradients(noneFor: parameters)
        halves.add(pass(rows: [0, 1], seed: 0.5))
        halves.add(pass(rows: [2, 3], seed: 0.5))
        var whole = ParameterGradients(noneFor: parameters)
        whole.add(pass(rows: [0, 1, 2, 3], seed: 1))
        expectClose(halves.tensors[0], whole.tensors[0], absolute: 1e-6, "accumulated gradient")
    }

    @Test func `A broken gradient is noticed and not clipped into a small one`() {
        let parameters = ParameterCollection([Parameter("weight", Tensor([1, 2], [2]))])
        var tape = Tape(on: pool)
        let loss = tape.dot(tape.variable(parameters.all[0]), Tensor([Float.nan, 3], [2]))
        var gradients = ParameterGradients(tape.gradients(of: loss), for: parameters)
        gradients.clip(toValue: 0.5)
        #expect(!gradients.isFinite)
        #expect(gradients.tensors[0][1] == 0.5)
    }
}
