#if Server
    import NIOCore
    import Synchronization

    /// Does something where a client goes away, or is given up, before its answer is whole.
    final class Departure: Sendable {
        private let action: Mutex<(@Sendable () -> Void)?>

        init(of channel: any Channel, _ action: @escaping @Sendable () -> Void) {
            self.action = Mutex(action)
            channel.closeFuture.whenComplete { _ in self.take()?() }
        }

        /// The answer is whole: nothing is done, and what would have been is let go, though the connection goes on.
        func forget() { _ = take() }

        private func take() -> (@Sendable () -> Void)? {
            action.withLock { action in
                defer { action = nil }
                return action
            }
        }
    }
#endif
