import FalconCommandSupport
import Foundation
import Synchronization
import Testing

@Suite(.serialized) struct SignalListenerTests {
    /// What was heard, and a way to wait for it.
    private final class Log: Sendable {
        let numbers = Mutex<[Int32]>([])
        let next = DispatchSemaphore(value: 0)

        func hear(_ number: Int32) {
            numbers.withLock { $0.append(number) }
            next.signal()
        }
    }

    /// Blocks signals in the calling thread, or no longer.
    private static func mask(_ change: Int32, _ numbers: [Int32]) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        unsafe pthread_sigmask(change, &set, nil)
    }

    @Test func `every signal is heard once and in order, whichever thread it reaches`() {
        let log = Log()
        let listener = SignalListener([SIGUSR1, SIGUSR2], heard: log.hear)
        let sent: [Int32] = (0..<20).map { $0 % 3 == 0 ? SIGUSR1 : SIGUSR2 }
        for number in sent {
            let thread = Thread {
                // Tests run on threads that block signals, and others inherit that.
                Self.mask(SIG_UNBLOCK, [number])
                pthread_kill(pthread_self(), number)
            }
            thread.start()
            log.next.wait()
        }
        for number in sent {
            kill(getpid(), number)
            log.next.wait()
        }
        withExtendedLifetime(listener) {}
        #expect(log.numbers.withLock { $0 } == sent + sent)
    }

    @Test func `one that its maker blocks is heard, and the next listener hears for itself`() {
        for _ in 0..<2 {
            let log = Log()
            let thread = Thread {
                // As in a command whose parent left it signals blocked: the listening thread inherits them so.
                Self.mask(SIG_BLOCK, [SIGUSR1])
                let listener = SignalListener([SIGUSR1], heard: log.hear)
                kill(getpid(), SIGUSR1)
                log.next.wait()
                withExtendedLifetime(listener) {}
            }
            thread.start()
            while !thread.isFinished { usleep(1000) }
            #expect(log.numbers.withLock { $0 } == [SIGUSR1])
        }
    }
}
