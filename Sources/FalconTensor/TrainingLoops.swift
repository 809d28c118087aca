internal import CFalconKernels

/// The loops of training for this processor's widest instruction set.
enum TrainingLoops {
    /// The table; each loop works on the calling thread.
    static var best: falcon_training_loops { unsafe falcon_training_loops_best().pointee }
}
