import FalconAutograd
import FalconTensor
import Testing

@Suite struct TapeTests {
    let pool = ThreadPool(threadCount: 1)

    @Test func `A pass over constants leaves nothing on the tape`() {
        var tape = Tape(on: pool)
        let input = Tape.constant(Tensor([1, 2], [2]))
        let output = tape.sum(tape.add(input, tape.scale(input, by: 3)))
        #expect(output.value.scalar == 12)
        #expect(!output.needsGradient)
        #expect(tape.count == 0)
    }

    @Test func `A leaf that is read twice gets the sum of both gradients`() {
        var tape = Tape(on: pool)
        let leaf = tape.leaf(Tensor([1, 2], [2]))
        let output = tape.sum(tape.add(leaf, tape.scale(leaf, by: 3)))
        let gradients = tape.gradients(of: output)
        #expect(gradients[leaf] == Tensor([4, 4], [2]))
    }

    @Test func `The seed scales every gradient`() {
        var tape = Tape(on: pool)
        let leaf = tape.leaf(Tensor([1, 2], [2]))
        let loss = tape.sum(leaf)
        #expect(tape.gradients(of: loss, seed: 0.25)[leaf] == Tensor([0.25, 0.25], [2]))
    }

    @Test func `Constants and unread leaves have no gradient`() {
        var tape = Tape(on: pool)
        let leaf = tape.leaf(Tensor([1], [1]))
        let unread = tape.leaf(Tensor([1], [1]))
        let constant = Tape.constant(Tensor([5], [1]))
        let loss = tape.sum(tape.add(leaf, constant))
        let later = tape.leaf(Tensor([1], [1]))
        let gradients = tape.gradients(of: loss)
        #expect(gradients[leaf] != nil)
        #expect(gradients[unread] == nil)
        #expect(gradients[constant] == nil)
        #expect(gradients[later] == nil)
    }

    /// Passes its gradient on, and tells whether an operation that ran before it is still in memory.
    struct Witness: FalconAutograd.Operation {
        final class Activation {}
        let kept: Activation
        let report: () -> Void
        func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
            report()
            return [gradient]
        }
    }

    @Test func `Activations are freed as the backward pass goes through them`() {
        var tape = Tape(on: pool)
        let leaf = tape.leaf(Tensor([1], [1]))
        weak var laterActivation: Witness.Activation?
        var laterIsAlive: [Bool] = []
        let report = { laterIsAlive.append(laterActivation != nil) }
        let earlier = tape.record(leaf.value, Witness(kept: Witness.Activation(), report: report), inputs: [leaf])
        func recordLater(_ tape: inout Tape) -> Variable {
            let activation = Witness.Activation()
            laterActivation = activation
            return tape.record(earlier.value, Witness(kept: activation, report: report), inputs: [earlier])
        }
        let last = recordLater(&tape)
        _ = tape.gradients(of: last, seed: Tensor([1], [1]))
        // The later operation runs first, with its activation; when the earlier one runs, that is gone.
        #expect(laterIsAlive == [true, false])
    }

    @Test func `A trainable object has one leaf however often it is used`() {
        final class Weight {}
        let weight = Weight()
        var tape = Tape(on: pool)
        let value = Tensor([3], [1])
        let sum = tape.add(tape.leaf(value, owner: weight), tape.leaf(value, owner: weight))
        #expect(tape.gradients(of: sum)[owner: weight] == Tensor([2], [1]))
    }

    @Test func `A tape that records no gradients has no leaves`() {
        var tape = Tape(on: pool, recordsGradients: false)
        let leaf = tape.leaf(Tensor([3], [1]))
        #expect(!tape.sum(leaf).needsGradient)
        #expect(tape.count == 0)
    }

    @Test func `Arithmetic agrees with finite differences`() {
        let inputs = [Tensor([0.3, -1, 2, 0.7], [2, 2]), Tensor([1, 0.2, -0.4, 3], [2, 2])]
        let result = GradientCheck.check(inputs) { tape, inputs in
            tape.add(tape.scale(inputs[0], by: -2), inputs[1])
        }
        #expect(result.passes, "\(result)")
    }

    @Test func `The gradient check notices a wrong backward rule`() {
        struct Wrong: FalconAutograd.Operation {
            func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] { [gradient] }
        }
        let result = GradientCheck.check([Tensor([1, 2], [2])]) { tape, inputs in
            var doubled = inputs[0].value
            doubled.scale(2)
            return tape.record(doubled, Wrong(), inputs: inputs)
        }
        #expect(!result.passes)
    }
}
