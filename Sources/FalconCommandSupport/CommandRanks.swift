import ArgumentParser
import FalconCluster
import FalconTensor
import Foundation

/// A command that mpirun or srun may start as several ranks.
package enum CommandRanks {
    /// What a launcher said; `nil` where none started the process.
    package static var launch: ClusterLaunch? { ClusterLaunch(environment: ProcessInfo.processInfo.environment) }

    /// Runs `body` on this rank and ends all of them together: each failure is told once, by the rank that has it.
    ///
    /// It is told before the ranks meet for the last time: the first process that ends with a status of failure makes
    /// the launcher kill the others, and whoever had not said so would never do so. A failure that the others do not
    /// know of ends them at once, as they wait for this rank.
    ///
    /// - Parameters:
    ///   - command: the command's name, for the line that says what failed.
    ///   - body: is given the ranks, or a process that works alone.
    package static func run(_ command: String, _ body: (any ClusterCommunicator) throws -> Void) throws {
        guard let cluster = try start(command) else { return try body(SingleProcess()) }
        do {
            try body(cluster)
            try cluster.finish()
        } catch  where cluster.size == 1 {
            try? cluster.finish()
            throw error
        } catch let failure as FailedElsewhere {
            try? cluster.finish()
            if failure.status == 1 { throw SilentFailure() }
            throw ExitCode(Int32(failure.status))
        } catch let failure as AgreedFailure {
            // Wrong usage was told where it was found.
            let isUsage = failure.underlying is ExitCode
            if !isUsage { tell(command, failure.underlying, rank: cluster.rank) }
            try? cluster.finish()
            throw isUsage ? failure.underlying : SilentFailure()
        } catch {
            StandardError.print("\(command): \(RankFailure(rank: cluster.rank, reason: ErrorLine.text(of: error)))")
            UnfinishedFiles.removeAll()
            cluster.abort()
        }
    }

    private static func tell(_ command: String, _ error: any Error, rank: Int) {
        let reason = ErrorLine.text(of: error)
        StandardError.print("\(command): \(rank == 0 ? reason : RankFailure(rank: rank, reason: reason).description)")
    }

    /// - Returns: `nil` for a process that no launcher started.
    private static func start(_ command: String) throws -> (any ClusterCommunicator)? {
        guard let launch else { return nil }
        #if MPI
            do {
                return try MPICommunicator(launch) { StandardError.print("\(command): \($0)") }
            } catch is FailedElsewhere {
                throw SilentFailure()
            }
        #else
            guard launch.size > 1 else { return nil }
            guard launch.rank == 0 else { throw SilentFailure() }
            throw ClusterError(
                "\(launch.launcher) started \(launch.size) processes, but this build has no MPI; build it with "
                    + "'swift build -c release --traits MPI'")
        #endif
    }

    /// Why one of several ranks failed.
    private struct RankFailure: Error, CustomStringConvertible {
        let rank: Int
        let reason: String

        var description: String {
            "rank \(rank) (process \(ProcessInfo.processInfo.processIdentifier) on "
                + "\(ProcessInfo.processInfo.hostName)): \(reason)"
        }
    }
}

extension ExitCode: FailureStatus {
    package var failureStatus: UInt8 { UInt8(truncatingIfNeeded: max(1, rawValue)) }
}

extension CommonOptions {
    /// The threads that the options ask for, or, of a rank, those that its own cores allow.
    package func makePool(on cluster: any ClusterCommunicator) -> ThreadPool {
        guard threads == nil, CommandRanks.launch != nil else { return makePool() }
        let process = ProcessInfo.processInfo
        return ThreadPool(
            threadCount: ClusterThreads.count(
                allowed: process.activeProcessorCount, machine: process.processorCount, ranks: cluster.localSize,
                environment: process.environment))
    }
}
