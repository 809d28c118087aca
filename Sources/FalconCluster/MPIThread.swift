#if MPI
    internal import CMPI
    import FalconTensor
    import Foundation

    /// The one thread that calls MPI: it moves what others ask for, and listens for the ranks' signs of life meanwhile.
    ///
    /// It asks again and again whether something has come, and sleeps a little in between, a moment longer each time:
    /// ranks that share a core must not wait for each other at full speed.
    @safe final class MPIThread: @unchecked Sendable {
        struct Place {
            let rank, size, localRank, localSize: Int
            let library: String
        }

        /// One exchange with another rank.
        @safe private struct Exchange {
            let partner: Int
            let sending: UnsafeRawBufferPointer
            let receiving: UnsafeMutableRawBufferPointer
        }

        /// Guards everything below.
        private let condition = NSCondition()
        private var place: Result<Place, ClusterError>?
        private var wanted: Exchange?
        private var done: Result<Void, ClusterError>?
        private var ending: Ending?
        private var hasEnded = false
        private var storedNames: [String] = []

        private enum Ending { case finish, abort }

        private let lost: @Sendable (String) -> Void

        init(lost: @escaping @Sendable (String) -> Void) { self.lost = lost }

        /// What to call each rank by, beside its number.
        var names: [String] {
            get { condition.withLock { storedNames } }
            set { condition.withLock { storedNames = newValue } }
        }

        /// Starts the thread and MPI on it.
        func start() throws -> Place {
            SystemMemory.requireThread()
            Thread.detachNewThread { [self] in serve() }
            condition.lock()
            defer { condition.unlock() }
            while true {
                if let place { return try place.get() }
                condition.wait()
            }
        }

        func exchange(
            with partner: Int, sending: UnsafeRawBufferPointer, receiving: UnsafeMutableRawBufferPointer
        ) throws {
            condition.lock()
            defer { condition.unlock() }
            precondition(wanted == nil, "two exchanges at once")
            wanted = unsafe Exchange(partner: partner, sending: sending, receiving: receiving)
            done = nil
            condition.broadcast()
            while true {
                if let done { return try done.get() }
                condition.wait()
            }
        }

        func finish() {
            condition.lock()
            ending = .finish
            condition.broadcast()
            while !hasEnded { condition.wait() }
            condition.unlock()
        }

        func abort() -> Never {
            condition.lock()
            ending = .abort
            condition.broadcast()
            condition.unlock()
            // The thread ends the process; where MPI itself hangs, this does.
            Thread.sleep(forTimeInterval: 3)
            _exit(EXIT_FAILURE)
        }

        private func serve() {
            let started = MPIThread.began()
            condition.lock()
            place = started
            condition.broadcast()
            condition.unlock()
            guard case .success(let place) = started else { return }
            let pulse = Pulse(rank: place.rank, size: place.size)
            while true {
                condition.lock()
                let limit = Date(timeIntervalSinceNow: Pulse.interval / 2)
                while wanted == nil, ending == nil, condition.wait(until: limit) {}
                let (exchange, ending) = (wanted, ending)
                condition.unlock()
                switch ending {
                case .abort: falcon_mpi_abort(EXIT_FAILURE)
                case .finish:
                    pulse.stop()
                    falcon_mpi_finish()
                    condition.lock()
                    hasEnded = true
                    condition.broadcast()
                    condition.unlock()
                    return
                case nil: break
                }
                if let exchange {
                    let result = Result { () throws(ClusterError) in try move(exchange, pulse) }
                    condition.lock()
                    wanted = nil
                    done = result
                    condition.broadcast()
                    condition.unlock()
                }
                watch(pulse)
            }
        }

        private static func began() -> Result<Place, ClusterError> {
            var (rank, size, localRank, localSize) = (Int32(0), Int32(1), Int32(0), Int32(1))
            let code = unsafe falcon_mpi_start(&rank, &size, &localRank, &localSize)
            guard code >= 0 else { return .failure(ClusterError("MPI does not start: \(words(code))")) }
            return .success(
                Place(
                    rank: Int(rank), size: Int(size), localRank: Int(localRank), localSize: Int(localSize),
                    library: library))
        }

        /// Moves one exchange's bytes, in messages that MPI can count.
        private func move(_ exchange: Exchange, _ pulse: Pulse) throws(ClusterError) {
            let most = 1 << 30
            let (sent, received) = unsafe (exchange.sending, exchange.receiving)
            var messages: [Int32] = []
            func begin(_ message: Int32) throws(ClusterError) {
                guard message >= 0 else { throw unreachable(exchange.partner, message) }
                messages.append(message)
            }
            // Receiving first: what comes has a place to go to at once.
            for start in stride(from: 0, to: received.count, by: most) {
                guard let base = received.baseAddress else { break }
                try begin(
                    unsafe falcon_mpi_receive(
                        base + start, Int32(min(most, received.count - start)), Int32(exchange.partner),
                        falcon_mpi_data))
            }
            for start in stride(from: 0, to: sent.count, by: most) {
                guard let base = sent.baseAddress else { break }
                try begin(
                    unsafe falcon_mpi_send(
                        base + start, Int32(min(most, sent.count - start)), Int32(exchange.partner), falcon_mpi_data))
            }
            var pause: UInt32 = 0
            while !messages.isEmpty {
                var left: [Int32] = []
                for message in messages {
                    let state = falcon_mpi_test(message)
                    guard state >= 0 else { throw unreachable(exchange.partner, state) }
                    if state == 0 { left.append(message) }
                }
                let isStill = left.count == messages.count
                messages = left
                guard !messages.isEmpty else { break }
                pause = isStill ? min(pause + 5, 300) : 0
                if pause > 20 { usleep(pause) } else { sched_yield() }
                watch(pulse)
            }
        }

        private func watch(_ pulse: Pulse) {
            guard let silent = pulse.silentRank() else { return }
            lost(
                "rank \(silent)\(name(silent)) has been silent for \(Int(Pulse.patience)) s and is taken for dead; all "
                    + "ranks end, and --resume goes on from the last checkpoint")
            falcon_mpi_abort(EXIT_FAILURE)
        }

        private func unreachable(_ partner: Int, _ code: Int32) -> ClusterError {
            ClusterError("rank \(partner)\(name(partner)) cannot be reached: \(MPIThread.words(code))")
        }

        private func name(_ rank: Int) -> String {
            let names = names
            return rank < names.count ? " (\(names[rank]))" : ""
        }

        private static func words(_ code: Int32) -> String {
            unsafe text { unsafe falcon_mpi_describe(code, $0, $1) }
        }

        private static var library: String { unsafe text { unsafe falcon_mpi_library($0, $1) } }

        private static func text(_ fill: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
            let capacity = 512
            return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
                guard let base = buffer.baseAddress else { return "" }
                unsafe fill(base, capacity)
                return unsafe String(cString: base)
            }
        }
    }
#endif
