import FalconAutograd
import FalconJSON
import FalconNN
import FalconTensor
import FalconTestSupport
import FalconWeights
import Testing

@testable import FalconDraft

/// States of the target's layers as a head's further input.
@Suite struct AuxiliaryInputTests {
    let pool = ThreadPool(threadCount: 1)
    static let (hidden, vocabulary, layers) = (16, 20, [1, 3])

    private func network(
        _ blockSize: Int, _ fusion: FusionKind, layerCount: Int = 1, newestPair: Bool = false,
        auxiliary: [Int] = layers,
        learned: Bool = true
    ) throws -> DraftNetwork {
        let target = ModelConfiguration(
            vocabularySize: AuxiliaryInputTests.vocabulary, hiddenSize: AuxiliaryInputTests.hidden, layerCount: 4,
            headCount: 4, intermediateSize: 24)
        var configuration = DraftConfiguration(
            target: target, blockSize: blockSize, layerCount: layerCount, fusion: fusion)
        (configuration.hasNewestPair, configuration.auxiliaryLayers) = (newestPair, auxiliary)
        var random = RandomSource(seed: 1)
        let network = try DraftNetwork(
            configuration, .random(RandomSource(seed: 2)),
            embedding: StoredMatrix(
                Tensor(normal: 1, [AuxiliaryInputTests.vocabulary, AuxiliaryInputTests.hidden], from: &random)))
        for parameter in network.parameters.trainable where learned {
            let deviation: Float = parameter.name == AuxiliaryInput.name ? 0.3 : 0.1
            parameter.value.add(Tensor(normal: deviation, parameter.value.shape, from: &random))
        }
        return network
    }

    private func input(_ time: Int) -> (features: Tensor, states: Tensor, tokens: [Int32]) {
        var random = RandomSource(seed: 9)
        let hidden = AuxiliaryInputTests.hidden
        return (
            Tensor(normal: 1, [1, time, hidden], from: &random),
            Tensor(normal: 1, [1, time, 2 * hidden], from: &random),
            (0..<time).map { _ in Int32(random.below(AuxiliaryInputTests.vocabulary)) }
        )
    }

    @Test(arguments: FusionKind.allCases) func `A new head predicts what one without states does`(
        fusion: FusionKind
    ) throws {
        let (features, states, tokens) = input(8)
        let with = try network(2, fusion, learned: false)
        #expect(with.parameters[AuxiliaryInput.name]?.value == Tensor(zeros: [16, 32]))
        let without = try network(2, fusion, auxiliary: [], learned: false)
        #expect(without.parameters[AuxiliaryInput.name] == nil)
        // Every other weight is drawn as without.
        for parameter in without.parameters.all { #expect(with.parameters[parameter.name]?.value == parameter.value) }
        let found = with.features(features, states: states, nextTokens: [tokens], lengths: [8], on: pool)
        let expected = without.features(features, nextTokens: [tokens], lengths: [8], on: pool)
        expectClose(found, expected, absolute: 1e-6, relative: 1e-6)
    }

    @Test(arguments: FusionKind.allCases) func `Gradients are those of finite differences`(fusion: FusionKind) throws {
        let (features, states, tokens) = input(8)
        let network = try network(2, fusion)
        var random = RandomSource(seed: 3)
        let weights = Tensor(normal: 1, [1, 8, 16], from: &random)
        func loss() -> Double {
            let output = network.features(features, states: states, nextTokens: [tokens], lengths: [8], on: pool)
            return zip(output.scalars, weights.scalars).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        var tape = Tape(on: pool)
        var dropout: Dropout?
        let output = network.forward(
            features: Tape.constant(features), states: Tape.constant(states), nextTokens: [tokens], lengths: [8],
            dropout: &dropout, tape: &tape)
        let gradients = tape.gradients(of: output, seed: weights)
        let parameter = try #require(network.parameters[AuxiliaryInput.name])
        let gradient = try #require(gradients[parameter])
        #expect(gradient.scalars.contains { abs($0) > 0.1 })
        for _ in 0..<24 {
            let index = random.below(parameter.value.count)
            let original = parameter.value
            func moved(_ step: Float) -> Double {
                var values = original.scalars
                values[index] += step
                parameter.value = Tensor(values, original.shape)
                defer { parameter.value = original }
                return loss()
            }
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2
            #expect(abs(slope - Double(gradient.scalars[index])) < 2e-2 + 2e-2 * abs(slope), "\(index)")
        }
    }

    static let shapes: [(blockSize: Int, fusion: FusionKind, layers: Int, newestPair: Bool)] =
        (1...3).flatMap { size in
            FusionKind.allCases.flatMap { fusion in
                [(1, false), (2, false), (1, true)].map { (size, fusion, $0.0, $0.1) }
            }
        }

    @Test(arguments: shapes)
    func `A session predicts as the training form does, and later passes have no states`(
        _ blockSize: Int, _ fusion: FusionKind, _ layers: Int, _ newestPair: Bool
    ) throws {
        let network = try network(blockSize, fusion, layerCount: layers, newestPair: newestPair)
        let folder = try TemporaryFolder()
        try network.write(folder: folder.path)
        let head = try DraftHead(folder: folder.path, pool: pool)
        #expect(head.configuration.auxiliaryLayers == AuxiliaryInputTests.layers)
        let count = 3 * blockSize
        let (features, states, tokens) = input(count)
        let rows = Tensor.sideBySide(features.reshaped([count, 16]), states.reshaped([count, 32]))
        func expected(_ more: [(features: Tensor, tokens: [Int32])]) -> Tensor {
            let all = Tensor.stacked([features.reshaped([count, 16])] + more.map(\.features))
            let beside = Tensor.stacked(
                [states.reshaped([count, 32])] + more.map { Tensor(zeros: [$0.tokens.count, 32]) })
            let length = all.rowCount
            let predicted = network.features(
                all.reshaped([1, length, 16]), states: beside.reshaped([1, length, 32]),
                nextTokens: [tokens + more.flatMap(\.tokens)], lengths: [length], on: pool)
            return predicted.rows(length - blockSize..<length)
        }
        let session = DraftSession(head: head, capacity: count, branchRows: 3 * blockSize)
        for position in 0..<count {
            session.extend(features: rows.rows(position..<position + 1), nextTokens: [tokens[position]], on: pool)
        }
        let first = try #require(session.firstBlock(on: pool))
        expectClose(first, expected([]), absolute: 1e-4, relative: 1e-4)
        let chosen: [[Int32]] = [3, 7].map { start in (0..<blockSize).map { Int32((start + 5 * $0) % 20) } }
        let second = session.expand(chosen.map { (0, $0) }, on: pool)
        for (block, own) in chosen.enumerated() {
            expectClose(
                second.rows(block * blockSize..<(block + 1) * blockSize), expected([(first, own)]), absolute: 1e-4,
                relative: 1e-4, "block \(block)")
        }
        // They matter.
        let other = DraftSession(head: head, capacity: count, branchRows: 0)
        other.extend(
            features: .sideBySide(features.reshaped([count, 16]), Tensor(zeros: [count, 32])), nextTokens: tokens,
            on: pool)
        #expect(other.firstBlock(on: pool) != first)
    }

    @Test func `A configuration says which layers, and is refused where it says it wrongly`() throws {
        let network = try network(2, .linear)
        let document = network.configuration.document
        #expect(document["auxiliary_layers"]?.text() == "[1,3]" || document["auxiliary_layers"]?.text() == "[1, 3]")
        #expect(try DraftConfiguration(document, path: "config.json").auxiliaryLayers == [1, 3])
        for wrong in ["[]", "[3, 1]", "[1, 1]", "[0]", "\"1,3\"", "[1.5]", "[\"1\"]", "7", "[99999999]"] {
            let folder = try TemporaryFolder()
            let value = try JSONValue(path: folder.write(wrong, to: "value.json"))
            var changed = document
            changed["auxiliary_layers"] = value
            let line = "\(#expect(throws: FileError.self) { try DraftConfiguration(changed, path: "config.json") }!)"
            #expect(line.contains("config.json: auxiliary_layers must be a list"), "\(line)")
        }
        // Weights that do not go with it.
        let folder = try TemporaryFolder()
        try network.write(folder: folder.path)
        for layers in [[], [1], [1, 2, 3]] {
            var changed = network.configuration
            changed.auxiliaryLayers = layers
            try changed.write(folder: folder.path)
            let line = "\(#expect(throws: FileError.self) { try DraftHead(folder: folder.path, pool: pool) }!)"
            #expect(line.contains("auxiliary.weight"), "\(line)")
        }
    }
}
