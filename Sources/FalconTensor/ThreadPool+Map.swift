extension ThreadPool {
    /// The results of `body` for each number in `0..<count`, in order; the first error in that order is thrown.
    package func map<Value, Failure: Error>(
        _ count: Int, _ body: (Int) throws(Failure) -> Value
    ) throws(Failure) -> [Value] {
        let results = unsafe [Result<Value, Failure>](unsafeUninitializedCapacity: count) { buffer, used in
            let start = buffer.baseAddress
            // Each piece sets its own element and no other.
            run(count) { index in
                unsafe (start! + index).initialize(to: Result { () throws(Failure) in try body(index) })
            }
            used = count
        }
        var values: [Value] = []
        values.reserveCapacity(count)
        for result in results { values.append(try result.get()) }
        return values
    }
}
