/// What a launcher such as mpirun or srun tells each process that it starts.
package struct ClusterLaunch: Sendable, Equatable {
    /// The process's number, from 0.
    package let rank: Int
    /// How many processes were started together.
    package let size: Int
    /// The launcher, to name in errors.
    package let launcher: String

    /// The variables of Open MPI's mpirun, of MPICH's and Intel's (Hydra), and of a step of Slurm. What Slurm tells a
    /// batch script itself is no launch: it stands for all tasks.
    private static let variables = [
        (rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE", launcher: "mpirun"),
        (rank: "PMI_RANK", size: "PMI_SIZE", launcher: "mpirun"),
        (rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS", launcher: "srun"),
    ]

    /// `nil` where no launcher started the process.
    package init?(environment: [String: String]) {
        for names in ClusterLaunch.variables {
            guard let rank = environment[names.rank].flatMap({ Int($0) }),
                let size = environment[names.size].flatMap({ Int($0) }), size > 0, (0..<size).contains(rank)
            else { continue }
            (self.rank, self.size, launcher) = (rank, size, names.launcher)
            return
        }
        return nil
    }
}
