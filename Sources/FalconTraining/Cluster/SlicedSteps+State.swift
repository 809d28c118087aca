import FalconCluster
import FalconNN
import FalconTensor
import FalconWeights

/// Saving and going on: the file is the one that a single process writes, whoever has which part in memory.
extension SlicedSteps {
    private static let names = (step: "step", first: ".exp_avg", second: ".exp_avg_sq")

    func write(_ path: String?) throws {
        let owners = layout.owners
        let parameters = task.parameters.trainable
        guard let path else {
            // In the order in which the file is written.
            for index in parameters.indices {
                for isSecond in [false, true] { _ = try whole(index, isSecond, owners) }
            }
            return
        }
        var tensors: [SafetensorsWriter.Deferred] = [
            .init(name: SlicedSteps.names.step, shape: [1]) { [stepCount] in Tensor([Float(stepCount)], [1]) }
        ]
        for (index, parameter) in parameters.enumerated() {
            for (isSecond, suffix) in [(false, SlicedSteps.names.first), (true, SlicedSteps.names.second)] {
                tensors.append(
                    .init(name: parameter.name + suffix, shape: parameter.shape) { [self] in
                        try whole(index, isSecond, owners).reshaped(parameter.shape)
                    })
            }
        }
        try SafetensorsWriter.write(path, deferred: tensors)
    }

    /// A moment of one parameter, put together on rank 0 from those who keep it; elsewhere it means nothing.
    private func whole(_ index: Int, _ isSecond: Bool, _ owners: [Int: [ShareLayout.Owned]]) throws -> Tensor {
        let isWriter = cluster.rank == 0
        let moment = isSecond ? second : first
        var result = Tensor(zeros: [isWriter ? task.parameters.trainable[index].value.count : 0])
        for owned in owners[index] ?? [] where isWriter || owned.rank == cluster.rank {
            let stretch = owned.stretch
            var part = Tensor(zeros: [stretch.range.count])
            if owned.rank == cluster.rank { part.set(0..<part.count, from: moment, at: stretch.start) }
            if owned.rank != 0 { try cluster.hand(0..<part.count, of: &part, from: owned.rank, to: 0) }
            if isWriter { result.set(stretch.range, from: part, at: 0) }
        }
        return result
    }

    func load(_ saved: StoredParameters) throws {
        let parameters = task.parameters.trainable
        let shapes =
            [(SlicedSteps.names.step, [1])]
            + parameters.flatMap {
                [($0.name + SlicedSteps.names.first, $0.shape), ($0.name + SlicedSteps.names.second, $0.shape)]
            }
        try saved.require(shapes)
        stepCount = Int(try saved.read(SlicedSteps.names.step, [1]).scalar)
        // One tensor at a time: a rank never holds more of the others' than that.
        for (index, stretches) in Dictionary(grouping: kept.joined(), by: \.parameter).sorted(by: { $0.key < $1.key }) {
            let (name, shape) = (parameters[index].name, parameters[index].shape)
            let (one, two) = (
                try saved.read(name + SlicedSteps.names.first, shape),
                try saved.read(name + SlicedSteps.names.second, shape)
            )
            for stretch in stretches {
                let place = stretch.start..<stretch.start + stretch.range.count
                first.set(place, from: one, at: stretch.range.lowerBound)
                second.set(place, from: two, at: stretch.range.lowerBound)
            }
        }
    }
}
