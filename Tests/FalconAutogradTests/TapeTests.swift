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

    /// Squares its input, and tells when it is freed.
    struct Witness: FalconAutograd.Operation {
        final class Alive {}
        let alive: Alive
        let seen: ([Bool]) -> Void
        let others: [() -> Bool]
        func backward(_ gradient: Tensor, on pool: ThreadPool) -> [Tensor?] {
            seen(others.map { $0() })
            return [gradient]
        }
    }

    @Test func `Activations are freed as the backward pass goes through them`() {
        var tape = Tape(on: pool)
        let leaf = tape.leaf(Tensor([1], [1]))
        var seen: [[Bool]] = []
        let note: ([Bool]) -> Void = { seen.append($0) }
        func isAlive(_ object: Witness.Alive) -> () -> Bool {
            { [weak object] in object != nil }
        }
        func first(_ tape: inout Tape, _ input: Variable, watch: (() -> Bool)?) -> Variable {
            let alive = Witness.Alive()
            let output = tape.record(
                input.value, Witness(alive: alive, seen: note, others: watch.map { [$0] } ?? []), inputs: [input])
            return output
        }
        // The later operation's object is watched by the earlier one, whose backward runs after it was freed.
        var laterObject: Witness.Alive? = Witness.Alive()
        let watch = isAlive(laterObject!)
        let middle = first(&tape, leaf, watch: watch)
        let last = tape.record(
            middle.value, Witness(alive: laterObject!, seen: note, others: [watch]), inputs: [middle])
        laterObject = nil
        _ = tape.gradients(of: last, seed: Tensor([1], [1]))
        #expect(seen == [[true], [false]])
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
