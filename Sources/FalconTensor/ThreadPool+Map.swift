import Synchronization

extension ThreadPool {
    /// The results of `body` for each number in `0..<count`, in order.
    package func map<Result>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
        var results = [Result?](repeating: nil, count: count)
        let lock = Mutex(())
        run(count) { piece in
            let result = body(piece)
            lock.withLock { _ in results[piece] = result }
        }
        return results.compactMap { $0 }
    }
}
