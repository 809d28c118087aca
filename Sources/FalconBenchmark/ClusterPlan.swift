import FalconDraft
import FalconTensor
import FalconTraining
import FalconWeights
import Foundation

/// What it will take to train a head on several machines: computed from shapes, and from rates that were measured.
///
/// Evaluations and checkpoints, which rank 0 makes alone, are not counted, nor the time that ranks wait for the
/// slowest.
package struct ClusterPlan: Codable, Sendable {
    /// What is planned.
    package struct Task: Sendable {
        package var dialogues: Int
        /// Tokens of a dialogue in the mean.
        package var tokens: Int
        package var epochs: Int
        /// Sequences of a batch; `nil`: 8, or one for each rank where there are more.
        package var batch: Int?
        package var fusion: FusionKind
        package var glance: Bool
        /// Whether gradients cross the network in bfloat16 (`training.gradient_exchange`).
        package var roundsGradients: Bool

        package init(
            dialogues: Int, tokens: Int, epochs: Int, batch: Int? = nil, fusion: FusionKind, glance: Bool = true,
            roundsGradients: Bool = false
        ) {
            (self.dialogues, self.tokens, self.epochs) = (dialogues, tokens, epochs)
            (self.batch, self.fusion, self.glance) = (batch, fusion, glance)
            self.roundsGradients = roundsGradients
        }
    }

    /// What one rank's machine and the network do, a second.
    package struct Rates: Codable, Sendable {
        /// 10^9 operations of a training step.
        package var gflops: Double
        /// 10^9 bytes from and to memory, as work on weights and gradients reaches it.
        package var gigabytesPerSecond: Double
        /// 10^9 bits that a rank sends, and as many that it receives meanwhile.
        package var networkGigabits: Double

        package init(gflops: Double, gigabytesPerSecond: Double, networkGigabits: Double) {
            (self.gflops, self.gigabytesPerSecond) = (gflops, gigabytesPerSecond)
            self.networkGigabits = networkGigabits
        }

        enum CodingKeys: String, CodingKey {
            case gflops
            case gigabytesPerSecond = "gigabytes_per_second"
            case networkGigabits = "network_gigabits"
        }
    }

    /// The plan for one number of ranks.
    package struct Row: Codable, Sendable {
        package var ranks, batch, slices, steps: Int
        package var hours: Double
        /// Of one step, in all and by part. What the network does behind the backward pass is in none.
        package var seconds, computeSeconds, memorySeconds, networkSeconds, hiddenNetworkSeconds: Double
        /// Of a rank in one step, sent, and as many received.
        package var wireBytes: Double
        /// Sent by all ranks in all steps.
        package var wireBytesInAll: Double
        /// Of a rank: the optimizer's moments, and everything.
        package var momentBytes, memoryBytes: Double

        enum CodingKeys: String, CodingKey {
            case ranks, batch, slices, steps, hours, seconds
            case computeSeconds = "compute_seconds"
            case memorySeconds = "memory_seconds"
            case networkSeconds = "network_seconds"
            case hiddenNetworkSeconds = "hidden_network_seconds"
            case wireBytes = "wire_bytes"
            case wireBytesInAll = "wire_bytes_in_all"
            case momentBytes = "moment_bytes"
            case memoryBytes = "memory_bytes"
        }
    }

    /// Trainable values of the head.
    package let parameters: Int
    package let rates: Rates
    /// Features in bfloat16 before they are compressed, and a checkpoint.
    package let featureBytes, checkpointBytes: Double
    package let rows: [Row]

    enum CodingKeys: String, CodingKey {
        case parameters, rates, rows
        case featureBytes = "feature_bytes"
        case checkpointBytes = "checkpoint_bytes"
    }

    /// - Parameters:
    ///   - target: whose shape the head takes over.
    ///   - ranks: the most; powers of two below are planned, too.
    package init(target: ModelConfiguration, _ task: Task, ranks: Int, rates: Rates) {
        let head = DraftConfiguration(target: target, blockSize: 2, fusion: task.fusion)
        parameters = ClusterPlan.trainableCount(head)
        self.rates = rates
        let tokens = Double(task.dialogues) * Double(task.tokens)
        featureBytes = tokens * Double(2 * target.hiddenSize + 5)
        checkpointBytes = 12 * Double(parameters) + 4 * Double(target.vocabularySize) * Double(target.hiddenSize)
        let values = parameters
        rows = (0...(max(1, ranks).bitWidth - 1 - max(1, ranks).leadingZeroBitCount)).map { power in
            ClusterPlan.row(head, task, ranks: 1 << power, values: Double(values), rates)
        }
    }

    private static func row(
        _ head: DraftConfiguration, _ task: Task, ranks: Int, values: Double, _ rates: Rates
    ) -> Row {
        let batch = task.batch ?? max(8, ranks)
        let slices = max(8, ranks)
        let steps = (task.dialogues + batch - 1) / batch * task.epochs
        let work = TrainingWork(head.model, fusion: task.fusion, length: task.tokens, glance: task.glance)
        // The rank with the most sequences decides.
        let sequences = (batch + ranks - 1) / ranks
        func computeSeconds(_ multiplications: Double, sequences: Double) -> Double {
            2 * multiplications * Double(task.tokens) * sequences / rates.gflops / 1e9
        }
        let compute = computeSeconds(work.multiplications, sequences: Double(sequences))

        let (own, share) = (Double(slices / ranks), 1 / Double(ranks))
        let memory =
            ClusterPlan.touchedBytes(values, slices: slices / ranks, ranks: ranks) / rates.gigabytesPerSecond / 1e9

        func seconds(_ bytes: Double) -> Double { bytes * 8 / (rates.networkGigabits * payload) / 1e9 }
        // Of each value: its gradient on the way there, its weight on the way back.
        let (gradientBytes, weightBytes) = ((task.roundsGradients ? 2 : 4) * (1 - share), 4 * (1 - share))
        let wire = (gradientBytes + weightBytes) * values
        // Gradients go while the last slice's backward pass still runs; weights when AdamW has moved them.
        let lastSlice = Double(sequences) / min(own, Double(sequences))
        let exchange = GradientExchange(
            behind: ClusterPlan.backward(head, work) { computeSeconds($0, sequences: lastSlice) },
            bucket: Double(ShareLayout.bucketCount), secondsPerValue: seconds(gradientBytes))
        let hidden = exchange.hiddenSeconds
        let network = exchange.waitingSeconds + seconds(weightBytes * values)
        let seconds = compute + memory + network

        let (hidden64, model) = (Double(head.model.hiddenSize), head.model)
        // Both ends of the target as the file's bfloat16; activations of one slice, by what the tape keeps of a token.
        let ends = 2 * 2 * Double(model.vocabularySize) * hidden64
        let kept = 4 * (26 * hidden64 + 4 * Double(model.intermediateSize))
        let activations = kept * Double(task.tokens * ((batch + slices - 1) / slices))
        let tree = 4 * values * (1 + log2(max(1, own)))
        return Row(
            ranks: ranks, batch: batch, slices: slices, steps: steps, hours: seconds * Double(steps) / 3600,
            seconds: seconds, computeSeconds: compute, memorySeconds: memory,
            networkSeconds: network, hiddenNetworkSeconds: hidden, wireBytes: wire,
            wireBytesInAll: wire * Double(ranks) * Double(steps), momentBytes: 8 * values * share,
            memoryBytes: values * (4 + 4 + 12 * share) + tree + ends + activations)
    }

    /// A backward pass as the gradients' exchange sees it.
    ///
    /// - Parameter seconds: what so many multiply-adds for each token take.
    private static func backward(
        _ head: DraftConfiguration, _ work: TrainingWork, seconds: (Double) -> Double
    ) -> [GradientExchange.Stage] {
        let layers = fusionCounts(head).reversed()
        let decoder = trainableCount(head) - layers.reduce(0, +)
        return [
            .init(seconds: seconds(work.backward.vocabulary), values: 0),
            .init(seconds: seconds(work.backward.decoder), values: Double(decoder), isGradual: true),
        ] + zip(work.backward.fusion, layers).map { .init(seconds: seconds($0), values: Double($1)) }
    }

    /// What TCP leaves of a network's bits, in frames of 1500 bytes.
    private static let payload = 1448.0 / 1538

    /// Bytes of float32 values that a rank reads and writes in a step: to add slices, to fill buckets, to add ranks'
    /// buckets, AdamW, and to give the weights to all.
    ///
    /// - Parameter slices: of this rank.
    static func touchedBytes(_ values: Double, slices: Int, ranks: Int) -> Double {
        let (branches, share) = (Double(slices - 1), 1 / Double(ranks))
        return 4 * values * (3 * branches + 3 + (ranks > 1 ? 3 * (1 - share) + 4 : 1) + 7 * share)
    }

    /// Heads of more values than this are not measured in their own shape: a step would take minutes and gigabytes.
    package static let mostMeasured = 64_000_000

    /// Measures what this machine reaches as a rank, by steps of a head of the target's own shape.
    ///
    /// - Returns: `nil` where that head is too large to be tried.
    /// - Throws: `FileError` where the disk of temporary files fails.
    package static func measured(
        _ target: ModelConfiguration, _ task: Task, precision: ProductPrecision, networkGigabits: Double,
        on pool: ThreadPool
    ) throws -> Rates? {
        let head = DraftConfiguration(target: target, blockSize: 2, fusion: task.fusion)
        let values = trainableCount(head)
        guard values <= mostMeasured else { return nil }
        let slices = 4
        let pieces = try TrainingBenchmark(
            like: target, length: task.tokens, slices: slices, fusion: task.fusion, precision: precision,
            glance: task.glance, pool: pool
        ).pieces()
        let work = TrainingWork(head.model, fusion: task.fusion, length: task.tokens, glance: task.glance)
        return Rates(
            gflops: 2 * work.multiplications * Double(task.tokens) / pieces.slice / 1e9,
            gigabytesPerSecond: touchedBytes(Double(values), slices: slices, ranks: 1) / max(pieces.rest, 1e-9) / 1e9,
            networkGigabits: networkGigabits)
    }

    /// The shape of a target, by its config.json or the folder of that.
    ///
    /// - Throws: `FileError` where it is missing or wrong.
    package static func target(like path: String) throws -> ModelConfiguration {
        let folder = path.hasSuffix("config.json") ? URL(fileURLWithPath: path).deletingLastPathComponent().path : path
        return try ModelConfiguration(folder: folder)
    }

    /// Values that the optimizer moves.
    static func trainableCount(_ head: DraftConfiguration) -> Int {
        fusionCounts(head).reduce(0, +)
            + (0..<head.model.layerCount).reduce(0) { sum, number in
                sum
                    + ModelTensors.layer(head.model, hasInputNorm: number > 0).reduce(0) {
                        $0 + $1.shape.reduce(1, *)
                    }
            }
    }

    /// Values of each layer of the fusion.
    private static func fusionCounts(_ head: DraftConfiguration) -> [Int] {
        let hidden = head.model.hiddenSize
        let (square, bias) = (hidden * hidden, head.hasFusionBias ? hidden : 0)
        return switch head.fusion {
        // Weights of input and state, and their biases; the first layer's input is twice as wide.
        case .lstm, .gated: [12 * square + 8 * bias, 8 * square + 8 * bias]
        case .linear: [2 * square + bias]
        }
    }

    /// For people.
    package var lines: [String] {
        func gigabytes(_ bytes: Double) -> String {
            bytes < 1e9 ? String(format: "%.1f MB", bytes / 1e6) : String(format: "%.1f GB", bytes / 1e9)
        }
        let heading = [
            "\(parameters) values are trained; features take \(gigabytes(featureBytes)) before compression, a "
                + "checkpoint " + gigabytes(checkpointBytes),
            String(
                format: "a rank computes %.0f Gflop/s in a step, memory gives %.1f GB/s, the network %g Gbit/s",
                rates.gflops, rates.gigabytesPerSecond, rates.networkGigabits),
            "ranks  batch     hours  s/step  computing   memory  network  (hidden)  sent a step  moments   memory",
        ]
        return heading
            + rows.map { row in
                String(
                    format: "%5d  %5d  %8.1f  %6.2f  %9.2f  %7.2f  %7.2f  %8.2f  %11@  %7@  %7@", row.ranks,
                    row.batch, row.hours, row.seconds, row.computeSeconds, row.memorySeconds, row.networkSeconds,
                    row.hiddenNetworkSeconds, gigabytes(row.wireBytes) as NSString,
                    gigabytes(row.momentBytes) as NSString, gigabytes(row.memoryBytes) as NSString)
            }
    }
}
