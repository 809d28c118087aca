import Foundation
import Synchronization

/// A value that is made on a thread of its own while whoever wants it does other work.
package final class Background<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    package init(_ make: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            let made = Result { try make() }
            result.withLock { $0 = made }
            done.signal()
        }
        thread.stackSize = 8 << 20
        SystemMemory.requireThread()
        thread.start()
    }

    /// The value, as soon as it is there.
    ///
    /// - Throws: what making it threw.
    package func value() throws -> Value {
        done.wait()
        done.signal()
        guard let result = result.withLock({ $0 }) else { preconditionFailure("done without a result") }
        return try result.get()
    }
}
