import FalconDraft
import FalconModels
import FalconTensor
import FalconWeights

/// What is wrong with a draft head whose tensors are all there: traces of how it was trained, and its target.
enum DraftDoctor {
    /// Looks at the weights alone.
    static func weightFindings(_ configuration: DraftConfiguration, _ weights: WeightFolder) throws -> [Finding] {
        var findings: [Finding] = []
        if configuration.fusion != .linear {
            findings += try recurrenceFindings(configuration, weights)
        }
        for number in 0..<configuration.model.layerCount {
            let name = "layers.\(number).post_attention_layernorm.weight"
            // Adam moves a weight by about the learning rate; at 1 bfloat16 steps are 1/128, so nothing ever moves.
            if try weights.tensor(name).scalars.allSatisfy({ $0 == 1 }) {
                findings.append(
                    .note("\(name) is exactly 1 everywhere: the head is not trained, or its weights were in bfloat16"))
            }
        }
        for name in weights.names
        where name != "embed_tokens.weight" && !name.contains("bias") && !HarmlessTensors.contains(name)
            && !DraftVocabulary.contains(name)
        {
            if try weights.tensor(name).scalars.allSatisfy({ $0 == 0 }) {
                findings.append(.problem("\(name) is 0 everywhere"))
            }
        }
        return findings
    }

    /// Tells by the recurrent weights whether the LSTM was trained over positions.
    ///
    /// The authors' code runs its LSTM over the batch, of length 1, so that `W_hh` meets a zero state and never has a
    /// gradient: it stays as PyTorch made it, uniform in ±1/sqrt(hidden) with the deviation 1/sqrt(3 hidden).
    private static func recurrenceFindings(
        _ configuration: DraftConfiguration, _ weights: WeightFolder
    ) throws -> [Finding] {
        let untouched = try [0, 1].allSatisfy { number in
            isAsInitialized(
                try weights.tensor("lstm.weight_hh_l\(number)"), hiddenSize: configuration.model.hiddenSize)
        }
        switch (configuration.fusion, untouched) {
        case (.lstm, true):
            return [
                .problem(
                    "lstm.weight_hh is as initialised, so the head was trained without recurrence (or not at all): "
                        + "use --fusion gated")
            ]
        case (.gated, true):
            let hidden = configuration.model.hiddenSize
            // W_hh of both layers, and the forget gate's rows of W_ih and of the biases.
            let dead = 2 * (4 * hidden * hidden) + hidden * (2 * hidden + hidden) + 4 * hidden
            let all = 4 * hidden * (2 * hidden + hidden) + 2 * (4 * hidden * hidden) + 16 * hidden
            return [
                .note(
                    "lstm.weight_hh is as initialised, as the authors' code leaves it: with fusion gated "
                        + "\(dead * 100 / all) % of the LSTM's weights do nothing")
            ]
        case (.gated, false):
            let text =
                "lstm.weight_hh is not as initialised, so the head was trained with recurrence: use --fusion lstm"
            // A configuration that says gated itself knows better than this guess.
            return [configuration.model.raw["fusion"] == nil ? .problem(text) : .note(text)]
        default: return []
        }
    }

    /// Whether values look drawn evenly from ±1/sqrt(hidden): none beyond the bound, and the right deviation.
    static func isAsInitialized(_ weight: Tensor, hiddenSize: Int) -> Bool {
        let values = weight.scalars
        let bound = 1 / Double(hiddenSize).squareRoot()
        // Rounding to bfloat16 may carry a value over the bound. A trained weight has many beyond it.
        guard values.allSatisfy({ Double(abs($0)) <= bound * (1 + 0x1p-8) }) else { return false }
        let meanSquare = values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)
        let ratio = (meanSquare * 3).squareRoot() / bound
        // Five standard errors of the deviation of so many even draws.
        return abs(ratio - 1) < 5 * (0.2 / Double(values.count)).squareRoot() + 1e-3
    }

    /// Compares a head with the target that it is to draft for.
    static func targetFindings(_ head: DraftFolder, target path: String) throws -> [Finding] {
        let target = try DraftTarget(folder: path)
        var findings = target.problems(with: head, on: ThreadPool(threadCount: 1)).map(Finding.problem)
        let (own, other) = (head.configuration.model.rotary, target.configuration.rotary)
        if own != other { findings.append(.note("positions turn by \(own.words), the target's by \(other.words)")) }
        return findings
    }
}
