#if MPI
    internal import CMPI
    import Foundation

    /// Signs of life: each rank sends rank 0 a byte now and then, and rank 0 each of them. Used by MPI's thread alone.
    @safe final class Pulse {
        /// Seconds between two signs.
        static let interval = 0.5
        /// Seconds of silence after which a rank is taken for dead. With what it takes to end the others, ten are kept.
        static let patience = 7.0

        private struct Peer {
            let rank: Int
            var receiving: Int32?
            var sending: Int32?
            var heard: Double
        }

        private var peers: [Peer]
        private let rank: Int
        private var sent = -Double.infinity
        private var looked: Double
        /// A byte to send and a byte for each peer to receive into. MPI may hold them to the process's end.
        private let bytes: UnsafeMutablePointer<UInt8>

        init(rank: Int, size: Int) {
            self.rank = rank
            let now = Pulse.now
            let watched = rank == 0 ? Array(1..<max(1, size)) : [0]
            peers = watched.map { Peer(rank: $0, heard: now) }
            looked = now
            unsafe bytes = .allocate(capacity: size + 1)
            unsafe bytes.initialize(repeating: 1, count: size + 1)
        }

        private static var now: Double { ProcessInfo.processInfo.systemUptime }

        /// Sends what is due and takes what has come.
        ///
        /// - Returns: a rank that has been silent for too long.
        func silentRank() -> Int? {
            let now = Pulse.now
            guard now - looked > Pulse.interval / 10 else { return nil }
            // Who was stopped itself has heard nobody, and learns nothing from it.
            let wasStopped = now - looked > 2
            looked = now
            let isDue = now - sent >= Pulse.interval
            if isDue { sent = now }
            for index in peers.indices {
                listen(&peers[index], now)
                if wasStopped { peers[index].heard = now }
                if isDue { speak(&peers[index]) }
            }
            // Rank 0's silence is told by the first of the others, unless that is silent too.
            let patience = Pulse.patience + (rank > 1 ? 1.5 : 0)
            return peers.first { now - $0.heard > patience }?.rank
        }

        private func listen(_ peer: inout Peer, _ now: Double) {
            while true {
                if let message = peer.receiving {
                    let state = falcon_mpi_test(message)
                    if state == 0 { return }
                    peer.receiving = nil
                    // An error is no sign of life: the silence will be.
                    if state < 0 { return }
                    peer.heard = now
                }
                let message = unsafe falcon_mpi_receive(bytes + 1 + peer.rank, 1, Int32(peer.rank), falcon_mpi_pulse)
                guard message >= 0 else { return }
                peer.receiving = message
            }
        }

        private func speak(_ peer: inout Peer) {
            if let message = peer.sending {
                // One at a time: nobody piles up signs for a rank that takes none.
                guard falcon_mpi_test(message) != 0 else { return }
                peer.sending = nil
            }
            let message = unsafe falcon_mpi_send(bytes, 1, Int32(peer.rank), falcon_mpi_pulse)
            if message >= 0 { peer.sending = message }
        }

        /// Takes back what is on its way, before MPI ends.
        func stop() {
            for peer in peers {
                for message in [peer.receiving, peer.sending].compactMap({ $0 }) { falcon_mpi_cancel(message) }
            }
        }
    }
#endif
