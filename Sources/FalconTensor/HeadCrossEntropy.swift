import Foundation
internal import CFalconKernels

/// Cross entropy of a language-model head against labels, for pretraining a target: in row chunks, so that
/// `[rows, vocabulary]` never exists, with the gradients of features and of the trainable head.
package enum HeadCrossEntropy {
    package struct Result: Sendable {
        /// Sum over rows, divided by the denominator.
        package let loss: Float
        /// The derivatives of `loss`, of the shapes of features and head weight; `nil` if not asked for.
        package let featureGradient, weightGradient: Tensor?
        /// Rows whose most likely token is the label.
        package let correctRows: Int
        /// Rows whose features or logits are not finite: they count nothing and get no gradient.
        package let skippedRows: Int
    }

    /// - Parameters:
    ///   - features: `[rows, hidden]`, only the rows that count.
    ///   - headWeight: `[vocabulary, hidden]`.
    ///   - labels: one token for each row.
    ///   - denominator: what the sum over rows is divided by.
    ///   - precision: of the products with the head weight.
    package static func evaluate(
        features: Tensor, headWeight: Tensor, labels: [Int32], denominator: Float, needsFeatures: Bool = true,
        needsWeight: Bool = true, precision: ProductPrecision = .float32, on pool: ThreadPool
    ) -> Result {
        let (rows, hidden, vocabulary) = (features.rowCount, features.width, headWeight.rowCount)
        precondition(
            headWeight.shape == [vocabulary, hidden] && labels.count == rows,
            "features \(features.shape), head weight \(headWeight.shape), \(labels.count) labels")
        precondition(labels.allSatisfy { (0..<vocabulary).contains(Int($0)) }, "a label outside \(vocabulary) tokens")
        precondition(rows == 0 || denominator > 0, "\(rows) rows over a denominator of \(denominator)")
        let head = VocabularyHead(
            StoredMatrix(headWeight), precision: precision, needsGradient: needsFeatures, on: pool)
        let chunks = VocabularyChunks(rows: rows, vocabulary: vocabulary, logitSets: 1)
        var featureGradient = needsFeatures ? Tensor(uninitialized: features.shape) : nil
        var weightGradient = needsWeight ? Tensor(zeros: headWeight.shape) : nil
        let (df, dw) = unsafe (featureGradient?.mutablePointer(), weightGradient?.mutablePointer())
        var outcomes = [Row](repeating: .skipped, count: rows)

        let capacity = chunks.capacity
        let logits = TensorStorage(uninitialized: capacity * vocabulary)
        let shares = TensorStorage(uninitialized: needsFeatures ? head.shareCount(rows: capacity) : 0)
        let usable = TensorStorage(uninitialized: capacity * hidden)
        let x = unsafe features.pointer
        for index in 0..<chunks.count {
            let chunk = chunks[index]
            let (count, start) = (chunk.count, chunk.lowerBound * hidden)
            unsafe head.logits(x + start, count: count, into: logits.base, on: pool)
            unsafe usable.base.update(from: x + start, count: count * hidden)
            unsafe outcomes.withUnsafeMutableBufferPointer { outcomes in
                let results = unsafe outcomes.baseAddress! + chunk.lowerBound
                pool.run(count) { row in
                    let outcome = unsafe compare(
                        logits.base + row * vocabulary, vocabulary, Int(labels[chunk.lowerBound + row]),
                        weight: 1 / denominator,
                        isUsable: falcon_all_finite(x + start + row * hidden, hidden) != 0)
                    unsafe results[row] = outcome
                    if case .skipped = outcome {
                        unsafe (usable.base + row * hidden).update(repeating: 0, count: hidden)
                    }
                }
            }
            if let df = unsafe df {
                unsafe head.featureGradient(
                    logits.base, count: count, shares: shares.base, into: df + start, on: pool)
            }
            if let dw = unsafe dw {
                unsafe head.addWeightGradient(logits.base, count: count, features: usable.base, to: dw, on: pool)
            }
        }
        var (loss, correct, skipped) = (0.0, 0, 0)
        for case let outcome in outcomes {
            switch outcome {
            case .skipped: skipped += 1
            case .counted(let rowLoss, let isCorrect):
                loss += Double(rowLoss)
                correct += isCorrect ? 1 : 0
            }
        }
        return Result(
            loss: rows == 0 ? 0 : Float(loss / Double(denominator)), featureGradient: featureGradient,
            weightGradient: weightGradient, correctRows: correct, skippedRows: skipped)
    }

    private enum Row {
        case skipped
        case counted(loss: Float, isCorrect: Bool)
    }

    /// Evaluates one row and leaves the loss's derivative in place of the logits.
    private static func compare(
        _ logits: UnsafeMutablePointer<Float>, _ vocabulary: Int, _ label: Int, weight: Float, isUsable: Bool
    ) -> Row {
        let loops = unsafe TrainingLoops.best
        var token: Int32 = 0
        let maximum = unsafe loops.maximum(logits, vocabulary, &token)
        let sum = unsafe loops.sum_of_exponentials(logits, vocabulary, maximum, 1)
        guard isUsable, sum.isFinite else {
            unsafe logits.update(repeating: 0, count: vocabulary)
            return .skipped
        }
        let loss = unsafe log(sum) - (logits[label] - maximum)
        unsafe loops.scaled_softmax(logits, vocabulary, maximum, log(sum), weight)
        unsafe logits[label] -= weight
        return .counted(loss: loss, isCorrect: Int(token) == label)
    }
}
