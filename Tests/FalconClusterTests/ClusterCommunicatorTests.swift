import FalconTensor
import Testing

@testable import FalconCluster

@Suite struct ClusterCommunicatorTests {
    private static let sizes = [1, 2, 4, 8]

    private func shares(_ count: Int, _ ranks: Int) -> HalvedShares {
        HalvedShares(0..<count, ranks: ranks) { ($0.lowerBound + $0.upperBound) / 2 }
    }

    @Test(arguments: sizes) func `shares are neighbours that fill the range, each rank's by its bits`(ranks: Int) {
        for count in [0, 1, 5, 64, 1000] {
            let shares = shares(count, ranks)
            let sorted = shares.ranges.sorted { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
            #expect(sorted.first?.lowerBound == 0 && sorted.last?.upperBound == count)
            #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
            for rank in 0..<ranks {
                #expect(shares.node(0, of: rank) == 0..<count)
                #expect(shares.node(shares.levels, of: rank) == shares.ranges[rank])
            }
        }
    }

    /// To bfloat16, to nearest, ties to even, one value after the other.
    private func rounded(_ tensor: Tensor) -> Tensor {
        Tensor(
            tensor.scalars.map { value in
                let bits = value.bitPattern
                return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
            }, tensor.shape)
    }

    @Test(arguments: sizes, [false, true])
    func `a shared sum has the bits of the same tree in one process`(ranks: Int, isRounded: Bool) throws {
        let count = 1037
        // Of very different sizes, so that every order of adding gives other bits.
        @Sendable func part(_ rank: Int) -> Tensor {
            var random = RandomSource(seed: UInt64(rank))
            return Tensor((0..<count).map { _ in random.normal() * Float(1 << (4 * (rank % 5))) }, [count])
        }
        var tree = (0..<ranks).map(part)
        while tree.count > 1 {
            tree = stride(from: 0, to: tree.count, by: 2).map { index in
                // Both summands of each sum, and never the whole.
                var sum = isRounded ? rounded(tree[index]) : tree[index]
                sum.add(isRounded ? rounded(tree[index + 1]) : tree[index + 1])
                return sum
            }
        }
        let shares = shares(count, ranks)
        let results = ThreadedRanks.run(ranks) { cluster in
            var tensor = part(cluster.rank)
            try cluster.reduceScatter(&tensor, shares, isRounded: isRounded, on: ThreadPool(threadCount: 1))
            try cluster.allGather(&tensor, shares)
            return tensor
        }
        for result in results { #expect(try result.get() == tree[0]) }
    }

    @Test(arguments: sizes) func `bytes and values of every rank reach all, of whatever length`(ranks: Int) throws {
        let bytes = ThreadedRanks.run(ranks) { cluster in
            try cluster.allGather([UInt8](repeating: UInt8(cluster.rank), count: cluster.rank * 3))
        }
        let values = ThreadedRanks.run(ranks) { cluster in
            try cluster.allGather(values: cluster.rank == 1 ? [Double.nan, 1 / 3] : [])
        }
        for (bytes, values) in zip(bytes, values) {
            #expect(try bytes.get() == (0..<ranks).map { [UInt8](repeating: UInt8($0), count: $0 * 3) })
            let found = try values.get()
            #expect(found.count == ranks && (ranks == 1 || (found[1][0].isNaN && found[1][1] == 1 / 3)))
        }
    }

    @Test(arguments: [2, 4]) func `what fails on one rank fails on all, and one says it`(ranks: Int) throws {
        let results = ThreadedRanks.run(ranks) { cluster in
            #expect(try cluster.any(cluster.rank == ranks - 1))
            #expect(try !cluster.any(false))
            #expect(try cluster.shared { cluster.rank == 0 ? 17 : 3 } == 17)
            try cluster.together { if cluster.rank > 0 { throw ClusterError("no disk on \(cluster.rank)") } }
        }
        for (rank, result) in results.enumerated() {
            #expect(throws: (any Error).self) { try result.get() }
            guard case .failure(let error) = result else { continue }
            if rank == 1 {
                #expect((error as? AgreedFailure)?.description == "no disk on 1")
            } else {
                #expect(error as? FailedElsewhere == FailedElsewhere(rank: 1))
            }
        }
    }

    @Test func `a status of failure reaches all ranks`() {
        struct Usage: FailureStatus { let failureStatus: UInt8 = 64 }
        let results = ThreadedRanks.run(4) { cluster in
            try cluster.together { if cluster.rank >= 1 { throw Usage() } }
        }
        for (rank, result) in results.enumerated() {
            guard case .failure(let error) = result else {
                Issue.record("rank \(rank) went on")
                continue
            }
            if rank == 1 {
                #expect((error as? AgreedFailure)?.underlying is Usage)
            } else {
                #expect(error as? FailedElsewhere == FailedElsewhere(rank: 1, status: 64))
            }
        }
    }

    @Test func `values are handed from one rank to another`() throws {
        let results = ThreadedRanks.run(4) { cluster in
            var tensor = Tensor(repeating: Float(cluster.rank), [3])
            try cluster.hand(1..<3, of: &tensor, from: 2, to: 0)
            return tensor.scalars
        }
        #expect(try results.map { try $0.get() } == [[0, 2, 2], [1, 1, 1], [2, 2, 2], [3, 3, 3]])
    }

    @Test func `a launcher is known by what it tells its processes`() {
        func launch(_ environment: [String: String]) -> ClusterLaunch? { ClusterLaunch(environment: environment) }
        #expect(launch([:]) == nil)
        let mpirun = launch(["OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4", "SLURM_PROCID": "0"])
        #expect(mpirun?.rank == 2 && mpirun?.size == 4 && mpirun?.launcher == "mpirun")
        #expect(launch(["PMI_RANK": "0", "PMI_SIZE": "1"])?.size == 1)
        let srun = launch(["SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8", "PMIX_RANK": "3"])
        #expect(srun?.rank == 3 && srun?.size == 8 && srun?.launcher == "srun")
        // A batch script is told how many tasks there will be, and is none of them.
        #expect(launch(["SLURM_PROCID": "0", "SLURM_NTASKS": "8"]) == nil)
        #expect(launch(["OMPI_COMM_WORLD_RANK": "4", "OMPI_COMM_WORLD_SIZE": "4"]) == nil)
        #expect(launch(["OMPI_COMM_WORLD_RANK": "x", "OMPI_COMM_WORLD_SIZE": "4"]) == nil)
    }

    @Test func `a rank computes on its own cores`() {
        func threads(_ allowed: Int, _ machine: Int, _ ranks: Int, _ environment: [String: String] = [:]) -> Int {
            ClusterThreads.count(allowed: allowed, machine: machine, ranks: ranks, environment: environment)
        }
        #expect(threads(4, 16, 4) == 4)
        #expect(threads(16, 16, 4) == 4)
        #expect(threads(2, 2, 4) == 1)
        #expect(threads(16, 16, 4, ["OMP_NUM_THREADS": "3"]) == 3)
        #expect(threads(16, 16, 4, ["OMP_NUM_THREADS": "0"]) == 4)
    }
}
