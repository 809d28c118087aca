import Foundation
import Synchronization

/// Ctrl-C within a conversation: breaks off the answer that is being given. Without one it says how to end, and ends
/// the process the second time in a row.
package final class AnswerInterrupts {
    private struct State {
        var isAnswering = false
        var isRequested = false
        var idleCount = 0
    }

    private let state: StateBox
    private let listener: SignalListener

    /// For the listening thread, which may outlive the conversation.
    private final class StateBox: Sendable {
        let value = Mutex(State())
    }

    /// - Parameter hint: shown where there is no answer to break off.
    package init(hint: String?) {
        let state = StateBox()
        self.state = state
        listener = SignalListener([SIGINT]) { _ in
            let idleCount = state.value.withLock { state in
                if state.isAnswering { state.isRequested = true } else { state.idleCount += 1 }
                return state.isAnswering ? 0 : state.idleCount
            }
            if idleCount > 1 { _exit(128 + SIGINT) }
            if idleCount > 0, let hint { StandardError.write(hint) }
        }
    }

    /// Whether somebody wants the answer to end.
    package var areRequested: Bool { state.value.withLock(\.isRequested) }

    /// An answer begins.
    package func begin() { state.value.withLock { $0 = State(isAnswering: true) } }

    /// It has ended.
    package func end() { state.value.withLock { $0.isAnswering = false } }
}
