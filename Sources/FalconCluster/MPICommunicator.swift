#if MPI
    import Foundation

    /// Ranks that talk through MPI.
    ///
    /// MPI hears of a rank that hangs only when it asks for something that never comes. So every rank shows rank 0 that
    /// it lives, and rank 0 shows all: who is silent for too long ends the run, by name.
    package final class MPICommunicator: ClusterCommunicator {
        package let rank: Int
        package let size: Int
        package let localSize: Int
        private let thread: MPIThread

        /// Starts MPI.
        ///
        /// - Parameters:
        ///   - launch: what the launcher says, to compare with what MPI says.
        ///   - report: told in one line, by one rank, why the ranks cannot share the work; or, on another thread, that
        ///     a rank is silent: all processes end after it.
        /// - Throws: `ClusterError` where MPI cannot start; `FailedElsewhere` where `report` was told.
        package init(_ launch: ClusterLaunch, report: @escaping @Sendable (String) -> Void) throws {
            thread = MPIThread(lost: report)
            let place = try thread.start()
            (rank, size, localSize) = (place.rank, place.size, place.localSize)
            guard size == launch.size else {
                throw ClusterError(
                    "\(launch.launcher) started \(launch.size) processes, but MPI (\(place.library)) sees \(size); "
                        + "start them with the same MPI's mpirun, or with srun --mpi=pmix")
            }
            guard size & (size - 1) == 0 else {
                if rank == 0 {
                    report("\(size) ranks cannot share a batch's slices, which are summed two by two; start 1, 2, 4, 8")
                }
                // All meet here: who ends first makes the launcher kill the others, unheard.
                thread.finish()
                throw FailedElsewhere(rank: 0)
            }
            let name = "process \(ProcessInfo.processInfo.processIdentifier) on \(ProcessInfo.processInfo.hostName)"
            thread.names = try allGather(Array(name.utf8)).map { String(decoding: $0, as: UTF8.self) }
        }

        package func exchange(
            with partner: Int, sending: UnsafeRawBufferPointer, receiving: UnsafeMutableRawBufferPointer
        ) throws {
            unsafe try thread.exchange(with: partner, sending: sending, receiving: receiving)
        }

        package func finish() throws {
            // Whoever is past this needs no sign of life from the others any more.
            _ = try allGather([])
            thread.finish()
        }

        package func abort() -> Never { thread.abort() }
    }
#endif
