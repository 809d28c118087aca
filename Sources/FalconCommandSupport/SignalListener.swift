internal import CFalconProcess
import FalconTensor
import Foundation

/// Hears signals on a thread of its own, one after another, whichever thread of the process they reach.
///
/// A handler of ours writes to a pipe: every signal is heard once, however busy the machine is, and nothing depends
/// on which threads exist or block what. One listener for a signal at a time; without one the default action holds.
package final class SignalListener: Sendable {
    private let numbers: [Int32]
    private let writeEnd: Int32

    /// - Parameters:
    ///   - numbers: the signals.
    ///   - heard: called with each of them.
    package init(_ numbers: [Int32], heard: @escaping @Sendable (Int32) -> Void) {
        self.numbers = numbers
        var ends: [Int32] = [-1, -1]
        precondition(unsafe falcon_open_signal_pipe(&ends) == 0, "no descriptor is left for signals")
        let readEnd = ends[0]
        writeEnd = ends[1]
        let thread = Thread {
            while true {
                let number = unsafe falcon_next_signal(readEnd, numbers, Int32(numbers.count))
                guard number != 0 else { break }
                heard(number)
            }
            close(readEnd)
        }
        SystemMemory.requireThread()
        thread.start()
        for number in numbers { _ = falcon_send_signal_to(number, writeEnd) }
    }

    deinit {
        for number in numbers { falcon_stop_sending_signal(number) }
        close(writeEnd)
    }
}
