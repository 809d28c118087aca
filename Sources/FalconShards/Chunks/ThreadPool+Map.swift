import FalconTensor

extension ThreadPool {
    /// The results of `body` for each number in `0..<count`, in order; the first error in that order is thrown.
    func map<Value: Sendable>(_ count: Int, _ body: (Int) throws -> Value) throws -> [Value] {
        let results = unsafe [Result<Value, any Error>](unsafeUninitializedCapacity: count) { buffer, used in
            let start = buffer.baseAddress
            // Each piece sets its own element and no other.
            run(count) { index in unsafe (start! + index).initialize(to: Result { try body(index) }) }
            used = count
        }
        return try results.map { try $0.get() }
    }
}
