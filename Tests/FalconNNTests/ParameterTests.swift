import FalconAutograd
import FalconNN
import FalconTensor
import Testing

@Suite struct ParameterTests {
    @Test func `Names are the path of scopes`() throws {
        let builder = ParameterBuilder(.random(RandomSource(seed: 1)))
        _ = Linear(builder.root.scope("layers").scope("0").scope("mlp"), from: 3, to: 2, hasBias: true)
        let parameters = try builder.finish()
        #expect(parameters.all.map(\.name) == ["layers.0.mlp.weight", "layers.0.mlp.bias"])
        #expect(parameters["layers.0.mlp.weight"]?.shape == [2, 3])
        #expect(parameters.trainableCount == 8)
    }

    @Test func `A parameter's first value does not depend on the others`() throws {
        func value(withOther: Bool) throws -> Tensor {
            let builder = ParameterBuilder(.random(RandomSource(seed: 4)))
            if withOther { _ = builder.root.parameter("other", [7], .normal(deviation: 1)) }
            return builder.root.parameter("weight", [3, 3], .normal(deviation: 1)).value
        }
        #expect(try value(withOther: true) == value(withOther: false))
    }

    @Test func `Initial values have the deviation that is asked for`() {
        var random = RandomSource(seed: 3)
        let normal = Initializer.normal(deviation: 0.02)([100, 100], from: &random)
        #expect(abs((normal.sumOfSquares() / 10_000).squareRoot() - 0.02) < 0.0005)
        let uniform = Initializer.uniform(bound: 0.3)([100, 100], from: &random)
        #expect(uniform.scalars.allSatisfy { abs($0) <= 0.3 })
        #expect(abs((uniform.sumOfSquares() / 10_000).squareRoot() - 0.3 / 3.0.squareRoot()) < 0.003)
    }

    @Test func `A state dict that does not fit is refused with everything that is wrong`() throws {
        let stored = StoredParameters([
            "weight": Tensor(zeros: [3, 2]), "odd": Tensor(zeros: [1]), "rotary.inv_freq": Tensor(zeros: [1]),
        ])
        let builder = ParameterBuilder(.stored(stored))
        _ = Linear(builder.root, from: 3, to: 2, hasBias: true)
        let error = #expect(throws: StateDictError.self) {
            try builder.finish { $0.hasSuffix("inv_freq") }
        }
        #expect(error?.missing == ["bias"])
        #expect(error?.unexpected == ["odd"])
        #expect(
            error?.description == "the weights do not fit the configuration; missing: bias; unexpected: odd; "
                + "weight has the shape [3, 2], not [2, 3]")
    }

    @Test func `Loading changes all parameters or none`() throws {
        let parameters = ParameterCollection([
            Parameter("a", Tensor([1], [1])), Parameter("b", Tensor([2], [1]), isTrainable: false),
        ])
        #expect(throws: StateDictError.self) { try parameters.load(StoredParameters(["a": Tensor([5], [1])])) }
        #expect(parameters["a"]?.value.scalar == 1)
        try parameters.load(StoredParameters(["a": Tensor([5], [1]), "b": Tensor([6], [1])]))
        #expect(parameters.all.map(\.value.scalar) == [5, 6])
    }

    @Test func `A frozen parameter has no gradient`() {
        let frozen = Parameter("embedding", Tensor([1, 2, 3, 4], [2, 2]), isTrainable: false)
        let weight = Parameter("weight", Tensor([1, 0, 0, 1], [2, 2]))
        var tape = Tape(on: ThreadPool(threadCount: 1))
        let rows = tape.embedding([1, 0], weight: tape.variable(frozen))
        let gradients = tape.gradients(of: tape.sum(tape.linear(rows, weight: tape.variable(weight))))
        #expect(gradients[frozen] == nil)
        #expect(gradients[weight] == Tensor([4, 6, 4, 6], [2, 2]))
    }
}
